#pragma once

namespace fftconv {

/// Starts this program again (same process, same arguments) with a limit on how long OpenMP's threads wait in
/// a busy loop, unless the user has set one. GNU's runtime spins for milliseconds by default and reads the
/// limit only before main; on a machine that does other work too, two threads then take ten times as long as
/// one. Returns when there is nothing to do, or when it cannot be done.
void limit_busy_waiting(char** argv);

}  // namespace fftconv
