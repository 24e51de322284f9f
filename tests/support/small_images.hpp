#pragma once
#include <string>
#include <vector>

#include "fftconv/core/random.hpp"
#include "fftconv/dataset/images.hpp"

namespace fftconv::test {

/// Images that a network can learn: a bright bar whose row is its class, under noise.
inline LabelledImages small_images(int count, MapShape maps, int classes, const std::string& stream) {
    LabelledImages images;
    images.maps = maps;
    images.classes = classes;
    std::vector<float> pixels;
    RandomStream random(1, stream);
    for (int n = 0; n < count; ++n) {
        const int label = int(random.below(classes));
        images.labels.push_back(std::uint8_t(label));
        for (int c = 0; c < maps.channels; ++c)
            for (int h = 0; h < maps.height; ++h)
                for (int w = 0; w < maps.width; ++w)
                    pixels.push_back(0.3f * random.normal() +
                                     (h * classes / maps.height == label ? 1.0f : 0.0f));
    }
    images.pixels = pixels;
    return images;
}

}  // namespace fftconv::test
