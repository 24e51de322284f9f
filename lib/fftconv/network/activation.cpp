#include "fftconv/network/activation.hpp"

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/network/chunks.hpp"

namespace fftconv {

// Both loops may work in place; ivdep tells the compiler that equal addresses are the only overlap.
void Relu::forward(const Tensor& x, Tensor& y, const PassContext&) {
    for_chunks(threads(), x.size(), [in = x.data(), out = y.data()](std::size_t begin, std::size_t end) {
#pragma GCC ivdep
        for (std::size_t i = begin; i < end; ++i) out[i] = in[i] <= 0 ? 0.0f : in[i];
    });
}

void Relu::backward(const Tensor&, const Tensor& y, const Tensor& dy, Tensor* dx, const PassContext&) {
    if (!dx) return;
    for_chunks(threads(), y.size(),
               [out = y.data(), from = dy.data(), to = dx->data()](std::size_t begin, std::size_t end) {
#pragma GCC ivdep
                   for (std::size_t i = begin; i < end; ++i) {
                       const float gradient = from[i];
                       to[i] = out[i] <= 0 ? 0.0f : gradient;
                   }
               });
}

bool Relu::follow(Epilogue& epilogue, const PassContext&) {
    if (epilogue.relu) return false;
    return epilogue.relu = true;
}

Dropout::Dropout(std::string name, MapShape input, float rate, std::uint64_t seed)
    : Layer(std::move(name), input), rate_(rate), seed_(seed) {
    if (!(rate >= 0 && rate < 1))
        throw UsageError("dropout: expected at least 0 and less than 1, found " + number_text(rate));
}

void Dropout::forward(const Tensor& x, Tensor& y, const PassContext& context) {
    apply(x, y, context);
}

void Dropout::backward(const Tensor&, const Tensor&, const Tensor& dy, Tensor* dx,
                       const PassContext& context) {
    if (dx) apply(dy, *dx, context);
}

void Dropout::apply(const Tensor& from, Tensor& to, const PassContext& context) const {
    const bool active = context.training && rate_ > 0;
    const float kept = 1 / (1 - rate_);
    const std::uint64_t first = (context.step * context.shards + context.shard) * from.size();
    for_chunks(threads(), from.size(), [&](std::size_t begin, std::size_t end) {
        if (!active) {
            std::copy(from.data() + begin, from.data() + end, to.data() + begin);
            return;
        }
        RandomStream random(seed_, name(), first + begin);
        for (std::size_t i = begin; i < end; ++i)
            to.data()[i] = from.data()[i] * (random.uniform() < rate_ ? 0.0f : kept);
    });
}

}  // namespace fftconv
