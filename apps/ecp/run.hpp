#pragma once
#include "common/options.hpp"
#include "ecp/options.hpp"

namespace fftconv {

/// The experiments of the EasyConvPooling paper. All trainings of a repeat take turns, epoch by epoch, so
/// that noise of the machine hits every method alike and a run that is stopped is a fair partial result.
/// After each epoch of each training its checkpoint and then the result file are replaced; --resume resumes
/// bit for bit, also with other networks, methods and modes than those in the file. Trainings made apart
/// (on several machines) are joined by putting their checkpoints into one folder and resuming with all of
/// their methods.
/// @throws Interrupted when it was interrupted, after saving, with the command that resumes it.
void run_ecp(EcpOptions& ecp, Options& options);

/// Prints tables of a result file, ours next to the paper's, and draws its figures into `figures`.
void report_ecp(const std::filesystem::path& file, const std::filesystem::path& figures);

}  // namespace fftconv
