#pragma once
#include <string>

namespace fftconv {

/// The processor's name as the system has it, "AMD EPYC", or "unknown".
std::string processor_name();

}  // namespace fftconv
