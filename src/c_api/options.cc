// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of options by name.

#include "c_api/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>

#include "c_api/error.h"

namespace qcow2stream::c_api {
namespace {

using Value = std::string_view;

// Is caught by set_option(), which knows the name.
struct BadValue {
  const char* reason;
};

template <class Number = std::uint64_t>
Number number(Value value) {
  Number result = 0;
  const char* end = value.data() + value.size();
  const auto [parsed, error] = std::from_chars(value.data(), end, result);
  if (error != std::errc{} || parsed != end || value.empty()) {
    throw BadValue{"is not a number in decimal digits that is small enough"};
  }
  return result;
}

// What counts from 1 on.
template <class Number = std::uint64_t>
Number positive(Value value) {
  const auto result = number<Number>(value);
  if (result == 0) throw BadValue{"is not at least 1"};
  return result;
}

bool flag(Value value) {
  if (value == "true") return true;
  if (value == "false") return false;
  throw BadValue{"is not true or false"};
}

std::string text(Value value) {
  if (value.empty()) throw BadValue{"is empty"};
  return std::string(value);
}

Scan scan(Value value) {
  if (value == "zeros") return Scan::kZeros;
  if (value == "holes") return Scan::kHoles;
  if (value == "none") return Scan::kNone;
  throw BadValue{"is not one of zeros, holes, none"};
}

// zlib, zstd, zlib:3, keep
Compression compression(Value value) {
  Compression result;
  if (value == "keep") {
    result.keep = true;
    return result;
  }
  if (const auto colon = value.find(':'); colon != Value::npos) {
    result.level = number<int>(value.substr(colon + 1));
    value = value.substr(0, colon);
  }
  if (value == "zstd") {
    result.type = CompressionType::kZstd;
  } else if (value != "zlib" && !value.empty()) {
    throw BadValue{"is not zlib or zstd, with :LEVEL where you want, or keep"};
  }
  return result;
}

std::uint32_t window(Value value) {
  if (value != "4096" && value != "32768") throw BadValue{"is not 4096 or 32768"};
  return number<std::uint32_t>(value);
}

std::chrono::seconds seconds(Value value) {
  return std::chrono::seconds(positive<std::uint32_t>(value));
}

ContentDigest root(Value value) {
  const auto result = parse_root(value);
  if (!result) throw BadValue{"is no root"};
  return *result;
}

struct Row {
  const char* name;
  void (*set)(Settings& settings, Value value);
};

constexpr std::array kRows = {
    // The disk.
    Row{"input-format", [](Settings& s, Value v) { s.format = text(v); }},
    Row{"snapshot", [](Settings& s, Value v) { s.snapshot = text(v); }},
    Row{"dirty-bitmap", [](Settings& s, Value v) { s.dirty_bitmap = text(v); }},
    Row{"shallow", [](Settings& s, Value v) { s.shallow = v.empty() ? 1 : positive(v); }},
    Row{"force-share", [](Settings& s, Value v) { s.force_share = flag(v); }},
    Row{"isolate", [](Settings& s, Value v) { s.isolate = flag(v); }},
    Row{"connections", [](Settings& s, Value v) { s.nbd.connections = positive<unsigned>(v); }},
    Row{"requests", [](Settings& s, Value v) { s.nbd.requests = positive<unsigned>(v); }},
    Row{"timeout", [](Settings& s, Value v) { s.nbd.timeout = seconds(v); }},
    Row{"size", [](Settings& s, Value v) { s.size = number(v); }},
    // The image.
    Row{"cluster-size",
        [](Settings& s, Value v) { s.image.cluster_size = number<std::uint32_t>(v); }},
    Row{"refcount-bits", [](Settings& s, Value v) { s.image.refcount_bits = number<unsigned>(v); }},
    Row{"qcow2-version", [](Settings& s, Value v) { s.image.version = number<unsigned>(v); }},
    Row{"extended-l2", [](Settings& s, Value v) { s.image.extended_l2 = flag(v); }},
    Row{"bitmaps", [](Settings& s, Value v) { s.image.bitmaps = flag(v); }},
    Row{"compress", [](Settings& s, Value v) { s.image.compression = compression(v); }},
    Row{"deflate-window", [](Settings& s, Value v) { s.deflate_window = window(v); }},
    Row{"data-file", [](Settings& s, Value v) { s.data_file = std::string(v); }},
    Row{"data-file-raw", [](Settings& s, Value v) { s.data_file_raw = flag(v); }},
    Row{"backing-file", [](Settings& s, Value v) { s.backing_file = text(v); }},
    Row{"backing-format", [](Settings& s, Value v) { s.backing_format = text(v); }},
    // The survey.
    Row{"scan", [](Settings& s, Value v) { s.scan = scan(v); }},
    Row{"map", [](Settings& s, Value v) { s.map = text(v); }},
    Row{"base-map", [](Settings& s, Value v) { s.base_map = text(v); }},
    Row{"no-extents", [](Settings& s, Value v) { s.no_extents = flag(v); }},
    Row{"changed-map", [](Settings& s, Value v) { s.changed_map = text(v); }},
    Row{"base-manifest", [](Settings& s, Value v) { s.base_manifest = text(v); }},
    Row{"threads", [](Settings& s, Value v) { s.threads = number<unsigned>(v); }},
    Row{"spool-memory", [](Settings& s, Value v) { s.spool_memory = number(v); }},
    Row{"spool-dir", [](Settings& s, Value v) { s.spool_directory = text(v); }},
    Row{"allow-changes", [](Settings& s, Value v) { s.allow_changes = flag(v); }},
    Row{"assume-unchanged", [](Settings& s, Value v) { s.assume_unchanged = flag(v); }},
    Row{"flush", [](Settings& s, Value v) { s.flush = flag(v); }},
    // A restore and its target.
    Row{"overwrite", [](Settings& s, Value v) { s.overwrite = flag(v); }},
    Row{"target-is-zero", [](Settings& s, Value v) { s.target_is_zero = flag(v); }},
    Row{"apply", [](Settings& s, Value v) { s.apply = flag(v); }},
    Row{"skip-equal", [](Settings& s, Value v) { s.skip_equal = flag(v); }},
    Row{"compare", [](Settings& s, Value v) { s.compare = flag(v); }},
    Row{"no-sparse", [](Settings& s, Value v) { s.no_sparse = flag(v); }},
    Row{"max-size", [](Settings& s, Value v) { s.max_size = number(v); }},
    Row{"limit-rate", [](Settings& s, Value v) { s.limit_rate = positive(v); }},
    Row{"manifest", [](Settings& s, Value v) { s.manifest = text(v); }},
    Row{"expect-root", [](Settings& s, Value v) { s.expect_root = root(v); }},
    Row{"ignore-root", [](Settings& s, Value v) { s.ignore_root = flag(v); }},
    Row{"trust-target", [](Settings& s, Value v) { s.trust_target = flag(v); }},
};

void set_option(Settings& settings, const std::string& name, const std::string& value) {
  const auto* row = std::find_if(kRows.begin(), kRows.end(),
                                 [&](const Row& known) { return name == known.name; });
  if (row == kRows.end()) refuse_use(name, "this library has no such option");
  try {
    row->set(settings, value);
  } catch (const BadValue& bad) {
    refuse_use(name, fmt::format("'{}' {}", value, bad.reason));
  }
}

}  // namespace
}  // namespace qcow2stream::c_api

using namespace qcow2stream::c_api;  // NOLINT(google-build-using-namespace)

qcow2stream_options* qcow2stream_options_new(qcow2stream_error** error) {
  return guarded<qcow2stream_options*>(error, nullptr, [] { return new qcow2stream_options; });
}

int qcow2stream_options_set(qcow2stream_options* options, const char* name, const char* value,
                            qcow2stream_error** error) {
  return guarded_call(error, [&] {
    set_option(given(options, "options").settings, given_text(name, "the name of an option"),
               given_text(value, name));
  });
}

void qcow2stream_options_free(qcow2stream_options* options) {
  delete options;
}

const char* qcow2stream_option_name(size_t index) {
  return index < kRows.size() ? kRows.at(index).name : nullptr;
}
