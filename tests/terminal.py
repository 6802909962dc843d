"""Runs a program on a terminal of a given size and copies what it writes there.

Usage: terminal.py ROWS COLUMNS [NAME=VALUE ...] -- PROGRAM [ARGUMENT ...]
Standard error and input are the terminal; standard output is thrown away.
"""

import fcntl
import os
import pty
import struct
import sys
import termios

rows, columns = int(sys.argv[1]), int(sys.argv[2])
end = sys.argv.index("--")
environment = dict(pair.split("=", 1) for pair in sys.argv[3:end])
program = sys.argv[end + 1 :]

child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execve(program[0], program, environment)

while True:
    try:
        chunk = os.read(terminal, 65536)
    except OSError:  # Linux says so when the last writer has gone.
        break
    if not chunk:
        break
    sys.stdout.buffer.write(chunk)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
