#include "ecp/turns.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "common/records.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

constexpr const char* table_name = "turns";
constexpr int before_calls_were_recorded = 0;

struct Turn {
    std::string training;
    double epoch, call;
};

const RowFormat<Turn> turn_format{{{"training", &Turn::training}},
                                  {{"epoch", "1", &Turn::epoch}, {"call", "1", &Turn::call}}};

bool is_call(double value) {
    return value == std::floor(value) && value >= Turns::unknown && value <= 1e9;
}

}  // namespace

Turns::Turns(const ResultRecord& record, const std::string& file) {
    if (find_table(record.tables, table_name) == nullptr) {
        for (const Curve& curve : record.curves)
            calls_[curve.method].assign(curve.epoch.size(), before_calls_were_recorded);
        return;
    }
    for (const Turn& turn : turn_format.rows(record, file, table_name)) {
        std::vector<int>& calls = calls_[turn.training];
        if (turn.epoch != double(calls.size() + 1) || !is_call(turn.call))
            throw FileError(file, fmt::format("/summary/{}", table_name),
                            fmt::format("epoch {} of {} and its call", calls.size() + 1, turn.training),
                            fmt::format("epoch {:g}, call {:g}", turn.epoch, turn.call));
        calls.push_back(int(turn.call));
    }
}

std::vector<int> Turns::calls(const std::string& training, std::size_t epochs) const {
    const auto found = calls_.find(training);
    std::vector<int> result = found == calls_.end() ? std::vector<int>{} : found->second;
    result.resize(epochs, unknown);
    return result;
}

bool Turns::together(const std::string& one, const std::string& other, std::size_t epoch) const {
    const int first = call(one, epoch);
    return first != unknown && first == call(other, epoch);
}

int Turns::call(const std::string& training, std::size_t epoch) const {
    const auto found = calls_.find(training);
    return found == calls_.end() || epoch >= found->second.size() ? unknown : found->second[epoch];
}

Table Turns::stored() const {
    std::vector<Turn> turns;
    for (const auto& [training, calls] : calls_)
        for (std::size_t i = 0; i < calls.size(); ++i)
            turns.push_back({training, double(i + 1), double(calls[i])});
    return turn_format.table(
        table_name, "The call that trained each epoch; 0: before calls were recorded, -1: of another run",
        turns);
}

}  // namespace fftconv
