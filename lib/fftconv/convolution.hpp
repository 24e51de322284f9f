#pragma once
/// What fftconv::convolution gives: the engines, and what they take. No files, no networks.
#include "fftconv/convolution/direct.hpp"
#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/convolution/reference.hpp"
#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/core/tensor.hpp"
#include "fftconv/core/threads.hpp"
#include "fftconv/core/version.hpp"
