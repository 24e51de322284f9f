#include "fftconv/training/recalibration.hpp"

#include "fftconv/core/error.hpp"
#include "fftconv/network/batch_norm.hpp"

namespace fftconv {
namespace {

/// Behind the last normalisation; 0 without one.
std::size_t normalised_layers(const Network& network) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < network.layers().size(); ++i)
        if (dynamic_cast<const BatchNorm*>(network.layers()[i].get())) end = i + 1;
    return end;
}

}  // namespace

Recalibration::Recalibration(Network& network, Batches& images, int batches, std::size_t first)
    : network_(network), images_(images), batches_(batches), first_(first) {
    if (batches < 0)
        throw UsageError("recalibration: batches: expected 0 or more, found " + std::to_string(batches));
    last_ = batches == 0 ? 0 : normalised_layers(network);
    first_ = std::min(first_, last_);
}

/// The batches, as far as layer first_: what comes before it is recalibrated on the way, once.
void Recalibration::prepare() {
    kept_.clear();  // of one that failed
    images_.start(0);
    while (const Batch* batch = int(kept_.size()) < batches_ ? images_.next() : nullptr) {
        if (batch->valid < batch->images.batch() && !kept_.empty()) break;
        const PassContext context{
            .valid = batch->valid, .forward_only = true, .recalibration = int(kept_.size()) + 1};
        kept_.push_back({first_ > 0 ? network_.forward(batch->images, context, 0, first_) : batch->images,
                         {},
                         batch->valid});
    }
    prepared_ = true;
}

void Recalibration::run() {
    if (last_ == 0) return;
    if (!prepared_) prepare();
    for (std::size_t i = 0; i < kept_.size() && first_ < last_; ++i)
        network_.forward(kept_[i].images,
                         {.valid = kept_[i].valid, .forward_only = true, .recalibration = int(i) + 1}, first_,
                         last_);
}

void recalibrate(Network& network, Batches& images, int batches) {
    Recalibration(network, images, batches).run();
}

}  // namespace fftconv
