/*
 * Single use. Two claimants of one key (two connections with one path token, or two copies of one client message), at
 * two nodes at once; the nodes start anew at any point. One claimant at most may win; one does unless its node dies.
 *
 * Each step names the source that it stands for. The names after #ifdef are wrong designs: with one of them defined an
 * assertion must fail; with none of them the model is the design (ADR 5). Its bounds are in
 * docs/adr/0011-a-formal-model.md.
 */
#ifndef STARTS
#define STARTS 1   /* starts of nodes in one run */
#endif
#define CLAIMANTS 2
#define NODES 2
#define ATTEMPTS 2 /* a claimant whose node died, or that got no answer in time, may claim again elsewhere */
#define END (CLAIMANTS * ATTEMPTS)
#define NOBODY 0

/* The log: who claims the key in each entry, from 1. */
byte claimant[END + 1];
byte end;

/* A node: application/log/log-claims.ts and domain/log/claims.ts. */
byte applied[NODES];
byte owner[NODES];       /* Claims.winners */
bool used[NODES];        /* only CLAIM_WITHOUT_LOG looks at it */

/* The claimants, from 1. */
mtype = { IDLE, VERIFIED, WAITING, WON, REFUSED, GIVEN_UP };
mtype state[CLAIMANTS + 1] = IDLE;
byte node[CLAIMANTS + 1];

/* The token's time is over; no claim is under way that began before; the first claim is forgotten. */
bool expired, forgotten;

bool twoWinners, disagreed;

#ifdef WINDOW_OF_TOKEN
#define mayForget(c) true /* Wrong: a claim may come later than the token's end by what its way takes. */
#else
#define mayForget(c) (state[c] != VERIFIED && state[c] != WAITING)
#endif
#define over(c) (state[c] == REFUSED || state[c] == GIVEN_UP || state[c] == WON)

inline win(c) {
    state[c] = WON;
    twoWinners = state[1] == WON && state[2] == WON;
    assert(!twoWinners)
}

/* ---- AdmitClient.execute and HandlerRunner.isRepeated. */
proctype Claimant(byte me) {
    byte attempts;
    do
    /* TokenService.verify: an expired token claims nothing. Then LogProbe.reach is waited for. */
    :: d_step { state[me] == IDLE && attempts < ATTEMPTS ->
           if
           :: expired -> state[me] = GIVEN_UP
           :: else -> state[me] = VERIFIED; attempts++
           fi
       }
    :: atomic { state[me] == VERIFIED ->
           if :: node[me] = 0 :: node[me] = 1 fi;
           if
#ifdef CLAIM_WITHOUT_LOG
           /* Wrong: each node remembers which keys were used at it. */
           :: used[node[me]] -> state[me] = REFUSED
           :: else -> used[node[me]] = true; win(me)
#else
           /* LogClaims.claim: what is known to be taken needs no entry. */
#ifdef OWN_CLAIM_REFUSED
           :: owner[node[me]] != NOBODY -> state[me] = REFUSED /* Wrong: by whom does not matter. */
#else
           :: owner[node[me]] != NOBODY && owner[node[me]] != me -> state[me] = REFUSED
#endif
           :: else ->
               end++;
               claimant[end] = me;
#ifdef CONFIRM_DECIDES
               win(me) /* Wrong: the key was free here and the claim is confirmed; nobody reads it. */
#else
               state[me] = WAITING
#endif
#endif
           fi
       }
    /* LogClaims.sweep: no answer in time. The claim may count all the same. */
    :: d_step { state[me] == WAITING && attempts < ATTEMPTS -> state[me] = IDLE }
    :: state[me] == IDLE && attempts == ATTEMPTS -> state[me] = GIVEN_UP
    :: over(me) -> break
    od
}

/* ---- LogFollower.decide → Claims.enter → LogClaims.settle: one synchronous step. */
proctype Node(byte n) {
    byte c;
    do
    :: d_step { applied[n] < end ->
           applied[n]++;
           c = claimant[applied[n]];
           if
           :: owner[n] == NOBODY && !(forgotten && applied[n] == 1) -> owner[n] = c
           :: else
           fi;
           disagreed = !forgotten && owner[0] != NOBODY && owner[1] != NOBODY && owner[0] != owner[1];
           assert(!disagreed);
           if
           :: state[c] == WAITING && node[c] == n && owner[n] == c -> win(c)
           :: state[c] == WAITING && node[c] == n && owner[n] != c -> state[c] = REFUSED
           :: else
           fi;
           c = 0
       }
    :: over(1) && over(2) && applied[n] == end -> break
    od
}

/* ---- A node is killed and starts: whoever waited at it is gone; it reads the log again. */
inline restart(n) {
    d_step {
        applied[n] = forgotten; /* The first entry is too old to be read again. */
        owner[n] = NOBODY;
        used[n] = false;
        if :: state[1] == WAITING && node[1] == n -> state[1] = IDLE :: else fi;
        if :: state[2] == WAITING && node[2] == n -> state[2] = IDLE :: else fi
    }
}

active proctype Starts() {
    byte starts;
    do
    :: starts < STARTS -> atomic {
           starts++;
           if
           :: skip
           :: restart(0)
           :: restart(1)
           fi
       }
    :: starts == STARTS -> break
    od
}

/* ---- Time: TOKEN_TTL, then WINDOW_MAX_AGE, which is longer by what a claim may take (settings.ts). */
active proctype Time() {
    if
    :: expired = true
    :: goto remembered
    fi;
endless:
    d_step { end > 0 && mayForget(1) && mayForget(2) ->
        forgotten = true;
        owner[0] = NOBODY;
        owner[1] = NOBODY
    };
remembered: skip
}

init {
    atomic { run Claimant(1); run Claimant(2); run Node(0); run Node(1) }
}

/* Of two claimants one wins, unless one has given up. */
ltl oneWins {
    <> (state[1] == WON || state[2] == WON || state[1] == GIVEN_UP || state[2] == GIVEN_UP)
}
