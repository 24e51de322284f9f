#pragma once
#include <string>

namespace fftconv {

/// The shortest decimal text that is this number, the same in every locale ("0.1", "nan", "1e+30").
std::string number_text(double value);
std::string number_text(float value);

}  // namespace fftconv
