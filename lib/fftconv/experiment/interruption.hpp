#pragma once

namespace fftconv {

/// From here on Ctrl-C (SIGINT) and SIGTERM only ask: the run finishes its batch, saves, and says how to
/// resume. A second signal of the same kind ends the process at once, as it would have without us.
void watch_for_interruption();

/// Whether somebody asked to stop.
bool interrupted();

}  // namespace fftconv
