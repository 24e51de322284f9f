// Writes a table and reads it back: fftconv::storage.
#include <cstdio>
#include <fftconv/storage/results.hpp>
#include <vector>

int main() {
    fftconv::ResultRecord record;
    record.tables = {{"numbers", "A table", {{"n", "1", std::vector<double>{1, 2, 3}}}}};
    fftconv::write_results("alone.h5", record);
    return fftconv::read_results("alone.h5").tables == record.tables ? 0 : 1;
}
