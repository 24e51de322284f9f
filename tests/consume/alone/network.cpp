// Trains two images until they are told apart: fftconv::network with data of the program's own.
#include <cstdio>
#include <fftconv/dataset/images.hpp>
#include <fftconv/network/network.hpp>
#include <fftconv/training/trainer.hpp>
#include <vector>

int main() {
    fftconv::LabelledImages images{
        .maps = {1, 8, 8}, .pixels = std::vector<float>(2 * 64), .labels = {0, 1}, .classes = 2};
    std::get<std::vector<float>>(images.pixels)[64 + 27] = 1;
    fftconv::Network network(fftconv::parse_architecture("1x8x8:4C3-P2-2Softmax"), {.batch = 2});
    fftconv::Trainer trainer(network, images, {.size = 2}, nullptr,
                             {.epochs = 60, .optimizer = {.rate = 0.01f}});
    trainer.run();
    const double loss = trainer.history().back().train_loss;
    std::printf("loss %g, wrong %g %%\n", loss, fftconv::evaluate(network, images).mcr);
    return loss < 0.3 && fftconv::evaluate(network, images).mcr == 0 ? 0 : 1;
}
