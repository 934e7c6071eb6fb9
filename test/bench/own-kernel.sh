#!/bin/bash
# The bench under a kernel of its own, User Mode Linux on the files of this machine, as root: for what the limits of this one do not allow,
# such as more open files to a process than root may raise here. `test/bench/own-kernel.sh --only S4BIG --rounds 1`, with the
# `node` of the PATH, after `npm run bench` has compiled it once. One core, and each system call takes some 50 µs: memory and
# counts hold, times say nothing.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
program=node_modules/.cache/bench/test/bench/main.js

if [ "$$" != 1 ]; then
  command -v linux.uml > /dev/null || { echo 'linux.uml is missing: install it with `apt-get install user-mode-linux`.' >&2; exit 1; }
  [ -f "$here/$program" ] || { echo 'The bench is not compiled: run `npm run bench -- --only COSTS` first.' >&2; exit 1; }
  # Its memory is a file, which must not be on a disk.
  TMPDIR=/dev/shm exec linux.uml "mem=${MEMORY:-14G}" root=none rootfstype=hostfs rootflags=/ rw \
    "init=$here/test/bench/own-kernel.sh" "path=$PATH" "arguments=\"$*\"" con=null con0=fd:0,fd:1 < /dev/null
fi

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /run
mkdir /run/tmp
ip link set lo up
ulimit -n 1000000
cd "$here"
# The kernel hands its parameters on as variables; what it knows itself, such as PATH, it would not.
env -i PATH="$path" HOME=/run TMPDIR=/run/tmp node "$program" $arguments || echo 'The bench failed.'
halt -f
