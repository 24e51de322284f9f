#pragma once
#include <filesystem>

namespace fftconv {

/// From here on Ctrl-C (SIGINT) and SIGTERM only ask: the run finishes its batch, saves, and says how to
/// resume. A second signal of the same kind ends the process at once, as it would have without us.
void watch_for_interruption();

/// Whether somebody asked to stop.
bool interrupted();

/// Makes the folder and those above it, when they are not there. @throws FileError when it cannot.
void make_folder(const std::filesystem::path& folder);

/// Starts this program again (same process, same arguments) with a limit on how long OpenMP's threads wait in
/// a busy loop, unless the user has set one. GNU's runtime spins for milliseconds by default and reads the
/// limit only before main; on a machine that does other work too, two threads then take ten times as long as
/// one. Returns when there is nothing to do, or when it cannot be done.
void limit_busy_waiting(char** argv);

}  // namespace fftconv
