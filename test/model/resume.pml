/*
 * Resume. One log, two nodes that read it at their own pace, one client that loses its connection, its page or its node
 * at any point. Its application must see every message once, in the log's order, or be told of a gap.
 *
 * Each step names the source that it stands for. The names after #ifdef are wrong designs: with one of them defined an
 * assertion must fail; with none of them the model is the design. Its bounds are in docs/adr/0011-a-formal-model.md.
 *
 * A position is the place of an entry in the log, from 1. A cursor is a position: "everything up to here was seen".
 */
#ifndef END
#define END 4    /* entries of the log; the first is there at the start, since a token carries a position */
#endif
#ifndef FAULTS
#define FAULTS 2 /* connections, pages and nodes that break in one run */
#endif
#define WITHIN 2 /* positions within which a message is repeated; settings.ts, repeatWithin */
#define WIRE 2   /* frames on their way to a client; settings.ts, MAX_BUFFERED */
#define NODES 2
#define NOWHERE NODES

mtype = { WELCOME, MESSAGE, GAP, OTHER_LOG, POSITION };

/* The log (ADR 1): which message each entry holds; 0 = nothing for this client: claims, probes, what others get. */
byte id[END + 1];
byte end = 1;

/* Entries up to here are older than WINDOW_MAX_AGE. */
byte old;

/* A node: application/log/log-follower.ts and domain/log/window.ts. */
byte from[NODES];       /* where its reader began: LogReader.start(maxAge) */
byte applied[NODES];    /* Window.last; 0 = nothing was read yet */
byte behind[NODES];     /* what the log held when the node started: LogProbe.ready */
byte repeated[NODES];   /* bit p: entry p was taken for a repetition (Window.append returned undefined) */
#ifdef LOCAL_DEDUPE
byte published[NODES];  /* bit i: message i was accepted here */
#endif

/* The client's subscription: application/delivery/subscriber.ts. */
byte at = NOWHERE;
bool live;
byte position;          /* up to here everything was written, while it lags */
bool attaching;         /* between the two steps of the designs that take two */
chan wire = [WIRE] of { mtype, byte, byte };

/* The client: client/inbox.ts. */
bool welcomed;
byte received = 1;      /* Inbox.received; at first the position in the token */
byte cursor = 1;        /* Inbox.cursor, and what client/cursor-store.ts keeps */
mtype work = 0;         /* the item whose handler runs */
byte workFrom, workTo;
byte faults = FAULTS;

/* What the application saw: complete, or told of a gap, up to here; and bit i: message i was handled. */
byte seen = 1;
byte given;
bool skipped, duplicated, disagreed;

#define bit(n) (1 << (n))
#define holds(set, n) ((set) & bit(n))
#define isApplied(n, p) (applied[n] >= (p))

/* The window holds and serves what comes after `start`: Window.start. */
inline bounds(n) {
    start = (old > from[n] -> old : from[n]);
    start = (start > applied[n] -> applied[n] : start)
}

/* True in `yes` when no earlier entry after `after` holds the same message. */
inline isFirst(p, after, yes) {
    yes = id[p] != 0;
    j = after + 1;
    do
    :: j < p -> if :: id[j] == id[p] -> yes = false :: else fi; j++
    :: else -> break
    od;
    j = 0
}

/* The application believes to know everything up to `upTo`: no message may lie in between that it was not given. */
inline complete(upTo) {
    i = seen + 1;
    do
    :: i <= upTo ->
        isFirst(i, 0, first);
        if :: first && !holds(given, id[i]) -> skipped = true :: else fi;
        i++
    :: else -> break
    od;
    if :: upTo > seen -> seen = upTo :: else fi;
    i = 0; first = false
}

/* ---- Publishers: application/push/push-message.ts at any node, with the same id again when the outcome is unknown. */
active proctype Publisher() {
    byte next = 1, p, node, j;
    bool first, nobody;
    do
    :: d_step { end < END && !nobody -> nobody = true; end++; id[end] = 0 }
    :: atomic { end < END ->
           if /* A new message, or the repetition of one that is not older than half the window. */
           :: p = 0
           :: p = end
           :: p = end - 1
           fi;
           if
           :: p > 0 && id[p] != 0 -> isFirst(p, 0, first)
           :: else -> first = false
           fi;
#ifdef LOCAL_DEDUPE
           /* Wrong: a node drops what it has accepted itself before; another one does not know of it. */
           if :: node = 0 :: node = 1 fi;
           if
           :: first && holds(published[node], id[p]) -> skip
           :: else ->
#endif
           end++;
           if
           :: first -> id[end] = id[p]
           :: else -> id[end] = next; next++
           fi;
#ifdef LOCAL_DEDUPE
           published[node] = published[node] | bit(id[end])
           fi;
           node = 0;
#endif
           p = 0; first = false
       }
    :: end == END -> break
    od
}

/* ---- Time passes: the window's limits are reached. Nodes lag by less than half of WINDOW_MAX_AGE. */
active proctype Time() {
    do
    :: d_step { old + 1 + WITHIN <= end && isApplied(0, old + 1 + WITHIN) && isApplied(1, old + 1 + WITHIN) -> old++ }
    :: break
    od
}

/* ---- Delivery: application/delivery/delivery.ts. ---- */

/* Delivery.write: a subscriber whose socket holds more than MAX_BUFFERED lags from here on. */
inline write(n, kind, p) {
    wire ! kind, p, 0;
    if
    :: live && len(wire) == WIRE -> live = false; position = applied[n]
    :: else
    fi
}

/* Delivery.catchUp: a gap, then the window's frames after the position, until the socket is full or it is live. */
inline catchUp(n) {
    bounds(n);
    if
    :: position < start ->
#ifndef TRIM_WITHOUT_GAP
        wire ! GAP, position, start;
#endif
        position = start
    :: else
    fi;
    do
    :: len(wire) == WIRE -> break
    :: len(wire) < WIRE && position >= applied[n] -> live = true; position = 0; break
    :: len(wire) < WIRE && position < applied[n] ->
        position++;
        if
        :: id[position] != 0 && !holds(repeated[n], position) -> wire ! MESSAGE, position, 0
        :: else
        fi
    od;
    start = 0
}

/* ---- A node: reads the log, trims its window, serves the socket. */
proctype Node(byte n) {
    byte k, j, start;
    bool first;
endless:
    do
    /* LogFollower.entry → Window.append → Delivery.deliver: one synchronous step. */
    :: d_step { (applied[n] == 0 -> from[n] : applied[n]) < end ->
           if
           :: applied[n] == 0 -> k = from[n] + 1
           :: else -> k = applied[n] + 1
           fi;
           applied[n] = k;
           if :: k == behind[n] -> behind[n] = 0 :: else fi;
           bounds(n);
           isFirst(k, start, first);
           start = 0;
#ifdef LOCAL_DEDUPE
           first = id[k] != 0;
#endif
           if
           :: id[k] != 0 && !first -> repeated[n] = repeated[n] | bit(k)
           :: else
           fi;
           /* All nodes decide alike about what they serve. */
           if
           :: isApplied(1 - n, k) && from[1 - n] < k ->
               disagreed = disagreed || (holds(repeated[0], k) != holds(repeated[1], k))
           :: else
           fi;
           assert(!disagreed);
           if
           :: first && at == n && live -> write(n, MESSAGE, k)
           :: else
           fi;
           k = 0; first = false
       }
    /* Delivery.resume: the socket has drained. */
    :: d_step { at == n && !live && !attaching && len(wire) < WIRE -> catchUp(n) }
    /* ClientSession.onControl: a ping is answered with the position up to which everything was written. */
    :: d_step { at == n && !attaching && len(wire) < WIRE && (live -> applied[n] : position) > received ->
           k = (live -> applied[n] : position);
           write(n, POSITION, k);
           k = 0
       }
#ifdef ATTACH_BEFORE_REPLAY
    /* Wrong: the replay comes in a step of its own after the attachment. */
    :: d_step { at == n && attaching && len(wire) < WIRE ->
           attaching = false;
           if :: live -> live = false; position = received :: else fi;
           catchUp(n)
       }
#endif
#ifdef REPLAY_BEFORE_ATTACH
    /* Wrong: the attachment comes in a step of its own after the replay. */
    :: d_step { at == n && attaching -> attaching = false; live = true }
#endif
    od
}

/* Connection.connect → AdmitClient.execute → ClientSession.open → Delivery.attach. */
inline connect(n) {
    at = n;
    position = received;
    wire ! WELCOME, 0, 0;
    if
    :: applied[n] > 0 && received > applied[n] ->
        /* Window.gapAt: a cursor that the log does not reach is of another log. */
        position = from[n];
        wire ! OTHER_LOG, received, position
    :: else
    fi;
#ifdef ATTACH_BEFORE_REPLAY
    live = true;
    attaching = true;
#else
    catchUp(n);
#ifdef REPLAY_BEFORE_ATTACH
    if :: live -> live = false; attaching = true :: else fi;
#endif
#endif
}

/* ---- The page with the SDK. */
active proctype Client() {
    byte i, j, a, b, start;
    bool first;
    mtype kind;
endless:
    do
    :: atomic { at == NOWHERE ->
           assert(!(received > end)); /* What makes one probe enough: no cursor is ahead of the log (ADR 6). */
           if
           /* LogProbe.reach: the node has applied the cursor's entry; Upgrade.unwilling: it has caught up once. */
#ifdef LAGGING_SERVES
           :: applied[0] > 0 && isApplied(0, behind[0]) -> connect(0)
           :: applied[1] > 0 && isApplied(1, behind[1]) -> connect(1)
#else
#ifdef UNREADY_SERVES
           :: connect(0)
           :: connect(1)
#else
           :: isApplied(0, received) && isApplied(0, behind[0]) -> connect(0)
           :: isApplied(1, received) && isApplied(1, behind[1]) -> connect(1)
#endif
#endif
           fi
       }
    /* Inbox.receive, Inbox.gap, Inbox.passed. */
    :: d_step { work == 0 && len(wire) > 0 ->
           wire ? kind, a, b;
           if
           :: kind == WELCOME -> welcomed = true
           :: kind == MESSAGE && a > received ->
               received = a; work = MESSAGE; workTo = a;
#ifdef CURSOR_AHEAD
               cursor = a; /* Wrong: the cursor is kept before the handler ran. */
#endif
           :: kind == GAP || kind == OTHER_LOG ->
               if :: kind == OTHER_LOG || b > received -> received = b :: else fi;
               work = kind; workFrom = a; workTo = b
           :: kind == POSITION && a > received ->
               received = a;
               complete(a);
               cursor = a
           :: else
           fi;
           assert(!skipped);
           kind = 0; a = 0; b = 0
       }
    /* Inbox.drain: the handlers have resolved; only then the cursor moves on. */
    :: d_step { work == MESSAGE ->
           duplicated = holds(given, id[workTo]) != 0;
           assert(!duplicated);
           complete(workTo - 1);
           assert(!skipped);
           given = given | bit(id[workTo]);
           seen = workTo;
           cursor = workTo;
           work = 0; workTo = 0
       }
    :: d_step { work == GAP || work == OTHER_LOG ->
           /* What lies before the gap was given; what lies in it the application knows that it does not know. */
           complete(workFrom);
           assert(!skipped);
           if :: workTo > seen -> seen = workTo :: else fi;
           if :: work == OTHER_LOG || workTo > cursor -> cursor = workTo :: else fi;
           work = 0; workFrom = 0; workTo = 0
       }
    od
}

inline disconnect() {
    do
    :: len(wire) > 0 -> wire ? _, _, _
    :: len(wire) == 0 -> break
    od;
    at = NOWHERE; live = false; attaching = false; position = 0
}

/* True in `split` when a message has a copy up to `p` and another one after it. A node that starts just there cannot know
 * of the first one. It is the one known limit: see the ADR, and what becomes of it in START_BETWEEN_COPIES. */
inline between(p) {
#ifndef START_BETWEEN_COPIES
    i = p + 1;
    do
    :: i <= end ->
        j = 1;
        do
        :: j <= p -> if :: id[i] != 0 && id[i] == id[j] -> split = true :: else fi; j++
        :: else -> break
        od;
        i++
    :: else -> break
    od;
    i = 0; j = 0
#else
    split = false
#endif
}

/* ---- What breaks. */
active proctype Faults() {
    byte n, i, j;
    bool split;
    do
    :: faults > 0 -> atomic {
           faults--;
           if
           :: skip
           /* The connection is lost with the frames that are on their way. */
           :: at != NOWHERE -> d_step {
                  disconnect();
#ifdef NEWER_TOKEN
                  /* Wrong: before its first welcome the client starts from wherever a newer token says. */
                  if :: !welcomed -> received = applied[0]; cursor = applied[0] :: else fi
#endif
              }
           /* The page is loaded anew, or a handler has failed (Inbox.fail): on from what was handled. */
           :: d_step { disconnect(); work = 0; workFrom = 0; workTo = 0; received = cursor }
           /* A node is killed and starts: it reads the log from where its entries are young enough. */
           :: atomic {
                  if :: n = 0 :: n = 1 fi;
                  between(old);
                  if
                  :: !split -> d_step {
                         if :: at == n -> disconnect() :: else fi;
                         from[n] = old; applied[n] = 0; repeated[n] = 0; behind[n] = end
                     }
                  :: else
                  fi;
                  n = 0; split = false
              }
           fi
       }
    :: faults == 0 -> break
    od
}

init {
    atomic { run Node(0); run Node(1) }
}

/* ---- In the end everything is known to the application. */
active proctype Observer() {
    byte i, j;
    bool first;
    timeout -> d_step { complete(end) };
    assert(!skipped)
}
