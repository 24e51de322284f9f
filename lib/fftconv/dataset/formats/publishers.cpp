#include "fftconv/dataset/formats/publishers.hpp"

#include <algorithm>

namespace fftconv {

const std::vector<PublishedDataset>& published_datasets() {
    static const std::vector<PublishedDataset> datasets = {
        {"MNIST",
         {"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
          "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
          "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
          "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}},
        {"Fashion-MNIST",
         {"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
          "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
          "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
          "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}},
        {"CIFAR-10",
         {"cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
          "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
          "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
          "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
          "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
          "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"}},
        {"SVHN",
         {"435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
          "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"}},
        {"SVHN with extra",
         {"435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
          "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
          "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3"}},
    };
    return datasets;
}

std::string published_name(const std::vector<std::string>& sha256) {
    const auto& datasets = published_datasets();
    const auto found = std::find_if(datasets.begin(), datasets.end(), [&](const PublishedDataset& published) {
        return published.sha256 == sha256;
    });
    return found == datasets.end() ? std::string() : found->name;
}

}  // namespace fftconv
