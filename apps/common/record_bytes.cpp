#include "common/record_bytes.hpp"

#include <cstring>

#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

class Writer {
  public:
    std::vector<char> bytes;

    void put(std::size_t count) { append(&count, sizeof count); }
    void put(const std::string& text) {
        put(text.size());
        append(text.data(), text.size());
    }
    void put(const std::vector<double>& values) {
        put(values.size());
        append(values.data(), values.size() * sizeof(double));
    }
    void put(const std::vector<std::string>& values) {
        put(values.size());
        for (const std::string& value : values) put(value);
    }

  private:
    void append(const void* from, std::size_t size) {
        const char* first = static_cast<const char*>(from);
        bytes.insert(bytes.end(), first, first + size);
    }
};

class Reader {
  public:
    explicit Reader(const std::vector<char>& bytes) : bytes_(bytes) {}

    std::size_t count() {
        std::size_t value = 0;
        take(&value, sizeof value);
        return value;
    }
    std::string text() {
        std::string value(checked(count(), 1), '\0');
        take(value.data(), value.size());
        return value;
    }
    std::vector<double> numbers() {
        std::vector<double> values(checked(count(), sizeof(double)));
        take(values.data(), values.size() * sizeof(double));
        return values;
    }
    std::vector<std::string> texts() {
        std::vector<std::string> values(checked(count(), sizeof(std::size_t)));
        for (std::string& value : values) value = text();
        return values;
    }

  private:
    std::size_t checked(std::size_t values, std::size_t size) const {
        if (values > (bytes_.size() - at_) / size) throw Error("results of another process: cut short");
        return values;
    }
    void take(void* to, std::size_t size) {
        checked(size, 1);
        if (size > 0) std::memcpy(to, bytes_.data() + at_, size);
        at_ += size;
    }

    const std::vector<char>& bytes_;
    std::size_t at_ = 0;
};

constexpr std::vector<double> Curve::*measures[] = {
    &Curve::epoch,    &Curve::train_loss,    &Curve::train_mcr,   &Curve::validation_mcr,
    &Curve::test_mcr, &Curve::train_seconds, &Curve::test_seconds};

Column column(Reader& reader) {
    Column column{reader.text(), reader.text(), {}};
    if (reader.count())
        column.values = reader.texts();
    else
        column.values = reader.numbers();
    return column;
}

}  // namespace

std::vector<char> bytes_of(const ResultRecord& record) {
    Writer writer;
    writer.put(record.curves.size());
    for (const Curve& curve : record.curves) {
        writer.put(curve.method);
        for (const auto measure : measures) writer.put(curve.*measure);
    }
    writer.put(record.tables.size());
    for (const Table& table : record.tables) {
        writer.put(table.name);
        writer.put(table.title);
        writer.put(table.columns.size());
        for (const Column& column : table.columns) {
            writer.put(column.name);
            writer.put(column.unit);
            writer.put(column.values.index());
            std::visit([&](const auto& values) { writer.put(values); }, column.values);
        }
    }
    return writer.bytes;
}

ResultRecord record_of(const std::vector<char>& bytes) {
    Reader reader(bytes);
    ResultRecord record;
    for (std::size_t curves = reader.count(); curves > 0; --curves) {
        Curve& curve = record.curves.emplace_back();
        curve.method = reader.text();
        for (const auto measure : measures) curve.*measure = reader.numbers();
    }
    for (std::size_t tables = reader.count(); tables > 0; --tables) {
        Table& table = record.tables.emplace_back();
        table.name = reader.text();
        table.title = reader.text();
        for (std::size_t columns = reader.count(); columns > 0; --columns)
            table.columns.push_back(column(reader));
    }
    return record;
}

}  // namespace fftconv
