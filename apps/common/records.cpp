#include "common/records.hpp"

#include <spdlog/fmt/fmt.h>

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

const RowFormat<Machine> machine_format{{{"processor", &Machine::processor}},
                                        {{"threads", "1", &Machine::threads}}};

std::vector<Call> calls_of(const std::vector<Table>& tables) {
    if (find_table(tables, "calls") == nullptr) return {};
    ResultRecord record;
    record.tables = tables;
    return call_format.rows(record, "result file", "calls");
}

Table table_of(std::vector<Call> calls) {
    for (std::size_t i = 0; i < calls.size(); ++i) calls[i].number = std::to_string(i + 1);
    return call_format.table("calls", "The calls of the app that wrote this file", calls);
}

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
    std::vector<Call> calls = calls_of(before);
    calls.push_back(
        {"", resolved_toml, now_utc(), std::string(git_commit()) + (git_dirty() ? " with changes" : "")});
    return table_of(std::move(calls));
}

Table joined_calls(const std::vector<Table>& first, const std::vector<Table>& second) {
    std::vector<Call> calls = calls_of(first), more = calls_of(second);
    calls.insert(calls.end(), more.begin(), more.end());
    return table_of(std::move(calls));
}

bool has_column(const std::vector<Table>& tables, const std::string& table, const std::string& column) {
    const Table* found = find_table(tables, table);
    return found != nullptr &&
           std::ranges::any_of(found->columns, [&](const Column& each) { return each.name == column; });
}

std::string Machine::text() const {
    return fmt::format("{}, threads: {:g}", processor, threads);
}

Machine this_machine(int threads) {
    return {processor_name(), double(threads)};
}

Table machine_table(const std::vector<Machine>& machines) {
    return machine_format.table("machine", "What the times were measured on", machines);
}

std::vector<Machine> machines_of(const ResultRecord& record, const std::string& file) {
    if (find_table(record.tables, "machine") == nullptr) return {};
    return machine_format.rows(record, file, "machine");
}

}  // namespace fftconv
