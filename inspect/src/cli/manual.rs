//! The parts of `--help` that are prose: examples, exit codes, what the output holds.

/// Below the list of commands.
pub(crate) const TOP: &str = "\
Examples:
  sysreel read out.reel                               every event, one line each
  sysreel read out.reel proc.name=curl                the events of one program
  sysreel read out.reel 'evt.failed=true' -S -q       which calls failed, counted by type
  sysreel info out.reel                               what the capture holds, and what it lost
  sysreel verify out.reel && echo intact              check every byte
  sysreel-agent record -w - | sysreel read -          look on while it is recorded
  sysreel -r out.reel evt.type=openat                 as sysdig users type it

Exit status:
  0  done; also when the reader of the output closed its pipe
  1  a wrong flag or filter, or a file that cannot be read or is no capture
  2  the capture is cut or damaged: what can be read was printed, what is missing is named on stderr

Captures are never modified. Data goes to stdout, everything else to stderr.";

/// Below the flags of `read`.
pub(crate) const READ: &str = "\
The filter:
  Comparisons of fields joined by and, or, not and parentheses; several words are joined by blanks.
  `sysreel fields` lists the fields. A comparison with a field the event does not have is false.

The format (-p):
  Text with %field tokens, for example '%evt.time %proc.name %fd.name %evt.res'. A line with a missing field
  is left out, unless the format begins with '*': then <NA> stands for it. %20proc.name makes a column of
  20 characters. -pc is the usual line with the container in it.

Losses:
  Where the recorder lost events, the output has a line that begins with '!' (text) or an object whose
  evt.type is \"loss\" (JSON), with count, CPU, cause and time span. A closing line on stderr gives the sum.
  So it has where the machine was suspended (JSON: evt.type is \"suspend\"), with how long.

Examples:
  sysreel read out.reel 'evt.type=openat and evt.failed=true' -p '%evt.time %proc.name %fd.name %evt.res'
  sysreel read out.reel 'container.id!=host' -j
  sysreel read out.reel 'fd.port in (80, 443)' --count
  sysreel read out.reel -n 20 -t r 'evt.latency > 10000000'
  sysreel read out.reel -A 'evt.type in (read, recvfrom) and fd.name contains passwd'
  sysreel read big.reel proc.name=nginx -w nginx.reel

Exit status:
  0  done      1  a wrong flag, filter or file      2  the capture is cut or damaged";

/// Below the flags of `info`.
pub(crate) const INFO: &str = "\
Examples:
  sysreel info out.reel
  sysreel info out.reel -j | jq '.lost, .losses'

Exit status:
  0  done      1  a wrong flag or file      2  the capture is cut or damaged";

/// Below the flags of `verify`.
pub(crate) const VERIFY: &str = "\
Every segment is read, its checksum and hash are compared, and so is the chain that ties it to the one before.

Exit status:
  0  intact    1  the file cannot be read or is no capture    2  damaged; the bad segments are named";
