#include "common/records.hpp"

#include <ctime>

#include "fftconv/core/processor.hpp"
#include "fftconv/core/version.hpp"

namespace fftconv {

namespace {

struct Call {
    std::string number, configuration, started_utc, commit;
};

const RowFormat<Call> call_format{{{"call", &Call::number},
                                   {"configuration", &Call::configuration},
                                   {"started_utc", &Call::started_utc},
                                   {"commit", &Call::commit}},
                                  {}};

std::string now_utc() {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[sizeof "2026-01-31T23:59:59Z"];
    return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc));
}

}  // namespace

const Table* find_table(const std::vector<Table>& tables, const std::string& name) {
    const auto found =
        std::find_if(tables.begin(), tables.end(), [&](const Table& each) { return each.name == name; });
    return found == tables.end() ? nullptr : &*found;
}

Table calls_table(const std::vector<Table>& before, const std::string& resolved_toml) {
    std::vector<Call> calls;
    if (find_table(before, "calls")) {
        ResultRecord record;
        record.tables = before;
        calls = call_format.rows(record, "result file", "calls");
    }
    calls.push_back({std::to_string(calls.size() + 1), resolved_toml, now_utc(),
                     std::string(git_commit()) + (git_dirty() ? " with changes" : "")});
    return call_format.table("calls", "The calls of the app that wrote this file", calls);
}

Table machine_table(int threads) {
    return {"machine",
            "The machine of the times",
            {{"processor", "", std::vector<std::string>{processor_name()}},
             {"threads", "1", std::vector<double>{double(threads)}}}};
}

}  // namespace fftconv
