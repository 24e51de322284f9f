#include <spdlog/fmt/fmt.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "common/page.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv::page {

namespace {

/// JSON that may stand in a script element: "</script>" cannot occur in it.
std::string json(const std::string& text) {
    std::string result = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\')
            result += std::string("\\") + c;
        else if (static_cast<unsigned char>(c) < 0x20 || c == '<')
            result += fmt::format("\\u{:04x}", int(c));
        else
            result += c;
    }
    return result + '"';
}

std::string json(const std::vector<double>& values) {
    std::string result = "[";
    for (double value : values) {
        if (result.size() > 1) result += ',';
        result += std::isfinite(value) ? fmt::format("{:.7g}", value) : "null";
    }
    return result + ']';
}

std::string json(const std::vector<std::string>& values) {
    std::string result = "[";
    for (const std::string& value : values) result += (result.size() > 1 ? "," : "") + json(value);
    return result + ']';
}

std::string colour(std::size_t i) {
    return fmt::format("c{}", i % 10 + 1);
}

std::string legend(const std::vector<std::pair<std::string, bool>>& names) {
    std::string html = "<ul class=legend>";
    for (std::size_t i = 0; i < names.size(); ++i)
        html += fmt::format("<li class={}><i{}></i>{}</li>", colour(i),
                            names[i].second || i >= 10 ? " class=dashed" : "", escaped(names[i].first));
    return html + "</ul>";
}

std::string caption(const std::string& title, const std::string& note) {
    return "<figcaption>" + escaped(title) + (note.empty() ? "" : "<small>" + escaped(note) + "</small>") +
           "</figcaption>";
}

std::string chart(const std::string& head, const std::string& kind, const std::string& x,
                  const std::string& y, const std::string& series, const std::string& key,
                  bool powers = false) {
    return "<figure class=chart>" + head + key + "<script type=\"application/json\">{\"kind\":" + json(kind) +
           ",\"x\":" + json(x) + ",\"y\":" + json(y) + (powers ? ",\"log\":true" : "") + ",\"series\":[" +
           series + "]}</script></figure>\n";
}

/// Whether a few large values would flatten all others.
bool needs_powers(const Plot& plot) {
    std::vector<double> values;
    for (const PlotSeries& series : plot.series)
        for (double y : series.y)
            if (std::isfinite(y)) values.push_back(y);
    if (values.empty()) return false;
    std::sort(values.begin(), values.end());
    return values.front() > 0 && values.back() > 20 * values[values.size() / 2];
}

}  // namespace

std::string line_chart(const Plot& plot, const std::string& note) {
    std::string all;
    std::vector<std::pair<std::string, bool>> names;
    for (const PlotSeries& series : plot.series) {
        names.emplace_back(series.title, series.dashed);
        all += (all.empty() ? "{" : ",{") + ("\"title\":" + json(series.title)) + ",\"x\":" + json(series.x) +
               ",\"y\":" + json(series.y) + (series.dashed ? ",\"dashed\":true" : "");
        if (!series.low.empty()) all += ",\"low\":" + json(series.low) + ",\"high\":" + json(series.high);
        all += '}';
    }
    return chart(caption(plot.title, note), "line", plot.x_label, plot.y_label, all, legend(names),
                 needs_powers(plot));
}

std::string scatter_chart(const std::string& title, const std::string& x_label, const std::string& y_label,
                          const std::vector<PointSeries>& series, const std::string& note) {
    std::string all;
    std::vector<std::pair<std::string, bool>> names;
    for (const PointSeries& each : series) {
        names.emplace_back(each.title, false);
        all += (all.empty() ? "{" : ",{") + ("\"title\":" + json(each.title)) +
               ",\"names\":" + json(each.names) + ",\"x\":" + json(each.x) + ",\"y\":" + json(each.y) + '}';
    }
    return chart(caption(title, note), "scatter", x_label, y_label, all, legend(names));
}

std::string bar_chart(const std::string& title, const std::string& unit,
                      const std::vector<std::string>& parts, const std::vector<Bar>& bars,
                      const std::string& note) {
    const auto value = [](double part) { return std::isfinite(part) ? std::max(part, 0.0) : 0.0; };
    double most = 0;
    std::vector<double> sums;
    for (const Bar& bar : bars) {
        double sum = 0;
        for (double part : bar.parts) sum += value(part);
        sums.push_back(sum);
        most = std::max(most, sum);
    }
    std::vector<std::pair<std::string, bool>> names;
    for (const std::string& part : parts) names.emplace_back(part, false);
    std::string html =
        "<figure>" + caption(title, note) + (parts.size() > 1 ? legend(names) : "") + "<div class=bars>";
    for (std::size_t b = 0; b < bars.size(); ++b) {
        html += "<span class=name>" + escaped(bars[b].name) + "</span><span class=bar>";
        for (std::size_t i = 0; i < bars[b].parts.size(); ++i)
            if (const double part = value(bars[b].parts[i]); part > 0)
                html += fmt::format("<span class={} style=\"width:{:.2f}%\" title=\"{}: {} {}\"></span>",
                                    colour(i), 100 * part / most, escaped(parts[i]), number(part, 3),
                                    escaped(unit));
        html += fmt::format("</span><span class=sum>{} {}</span>\n", number(sums[b], 3), escaped(unit));
    }
    return html + "</div></figure>\n";
}

std::string heat_map(const std::string& title, const std::vector<std::string>& labels,
                     const std::vector<double>& counts) {
    const std::size_t n = labels.size();
    std::string html = "<figure class=heat>" +
                       caption(title, "rows: label; columns: answer; shade: share of the label") +
                       "<div class=scroll tabindex=0><table><thead><tr><th></th>";
    for (const std::string& label : labels) html += "<th>" + escaped(label) + "</th>";
    html += "</tr></thead><tbody>";
    for (std::size_t i = 0; i < n; ++i) {
        const std::span<const double> row(counts.data() + i * n, n);
        const double sum = std::max(std::accumulate(row.begin(), row.end(), 0.0), 1.0);
        html += "<tr><th>" + escaped(labels[i]) + "</th>";
        for (std::size_t j = 0; j < n; ++j) {
            // Errors are few: the root makes one in a hundred visible.
            const double shade = std::sqrt(row[j] / sum) * 0.75;
            html +=
                fmt::format("<td style=\"background:rgb({} / {:.2f})\" title=\"{} as {}: {:.2f} %\">{}</td>",
                            i == j ? "0 114 178" : "213 94 0", shade, escaped(labels[i]), escaped(labels[j]),
                            100 * row[j] / sum, row[j] > 0 ? number(row[j]) : "");
        }
        html += "</tr>\n";
    }
    return html + "</tbody></table></div></figure>\n";
}

void Image::set(int x, int y, std::uint8_t r, std::uint8_t g, std::uint8_t b, std::uint8_t a) {
    const std::size_t at = (std::size_t(y) * width + x) * 4;
    rgba[at] = r;
    rgba[at + 1] = g;
    rgba[at + 2] = b;
    rgba[at + 3] = a;
}

namespace {

using Bytes = std::vector<std::uint8_t>;

void put(Bytes& bytes, std::uint32_t value) {
    for (int shift : {24, 16, 8, 0}) bytes.push_back(std::uint8_t(value >> shift));
}

/// A chunk of a PNG file: length, type, data, CRC of type and data (PNG specification, section 5.3).
void put_chunk(Bytes& png, const std::string& type, const Bytes& data) {
    put(png, std::uint32_t(data.size()));
    Bytes body(type.begin(), type.end());
    body.insert(body.end(), data.begin(), data.end());
    png.insert(png.end(), body.begin(), body.end());
    put(png, std::uint32_t(crc32(0, body.data(), uInt(body.size()))));
}

Bytes deflated(const Bytes& bytes) {
    uLongf size = compressBound(uLong(bytes.size()));
    Bytes result(size);
    if (compress2(result.data(), &size, bytes.data(), uLong(bytes.size()), 9) != Z_OK)
        throw Error("zlib: a picture could not be compressed");
    result.resize(size);
    return result;
}

Bytes png_of(const Image& image) {
    Bytes header, rows, png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    put(header, std::uint32_t(image.width));
    put(header, std::uint32_t(image.height));
    for (int value : {8, 6, 0, 0, 0}) header.push_back(std::uint8_t(value));  // 8 bits, RGBA
    for (int y = 0; y < image.height; ++y) {
        rows.push_back(0);  // no filter
        const auto* row = image.rgba.data() + std::size_t(y) * image.width * 4;
        rows.insert(rows.end(), row, row + std::size_t(image.width) * 4);
    }
    put_chunk(png, "IHDR", header);
    put_chunk(png, "IDAT", deflated(rows));
    put_chunk(png, "IEND", {});
    return png;
}

std::string base64(const Bytes& bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t three = 0;
        for (std::size_t k = 0; k < 3; ++k) three = three << 8 | (i + k < bytes.size() ? bytes[i + k] : 0);
        for (std::size_t k = 0; k < 4; ++k)
            text += i + k <= bytes.size() ? digits[three >> (18 - 6 * int(k)) & 63] : '=';
    }
    return text;
}

}  // namespace

std::string picture(const Image& image, int scale, const std::string& text) {
    return fmt::format(
        "<figure><img class=pixels width={} height={} alt=\"{}\" "
        "src=\"data:image/png;base64,{}\"><figcaption>{}"
        "</figcaption></figure>\n",
        image.width * scale, image.height * scale, escaped(text), base64(png_of(image)), escaped(text));
}

}  // namespace fftconv::page
