// Asks for data where there is none: fftconv::dataset names the folders and how to get it.
#include <cstdio>
#include <cstring>
#include <fftconv/core/error.hpp>
#include <fftconv/dataset/dataset.hpp>

int main() {
    try {
        fftconv::load_dataset("cifar-10", "no-folder");
    } catch (const fftconv::Error& error) {
        std::puts(error.what());
        return std::strstr(error.what(), "no-folder") ? 0 : 1;
    }
    std::puts("expected an error");
    return 1;
}
