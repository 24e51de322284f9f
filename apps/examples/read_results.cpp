// Prints what a result file or a collection says: read_results FILE.
#include <cstdio>
#include <fftconv/storage/results.hpp>
#include <variant>

namespace {

void print(const fftconv::Column& column, std::size_t row) {
    if (const auto* numbers = std::get_if<std::vector<double>>(&column.values))
        std::printf("  %s %g %s\n", column.name.c_str(), (*numbers)[row], column.unit.c_str());
    else
        std::printf("  %s %s\n", column.name.c_str(),
                    std::get<std::vector<std::string>>(column.values)[row].c_str());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: read_results FILE\n");
        return 2;
    }
    try {
        for (const fftconv::Experiment& experiment : fftconv::read_experiments(argv[1])) {
            std::printf("%s on %s, commit %s\n", experiment.name.empty() ? argv[1] : experiment.name.c_str(),
                        experiment.record.dataset.name.c_str(), experiment.header.git_commit.c_str());
            for (const fftconv::Table& table : experiment.record.tables) {
                std::printf("%s (%zu rows), of which the first\n", table.title.c_str(), table.rows());
                for (const fftconv::Column& column : table.columns)
                    if (table.rows() > 0) print(column, 0);
            }
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "read_results: %s\n", error.what());
        return 1;
    }
}
