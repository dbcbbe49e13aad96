// SPDX-License-Identifier: GPL-2.0-or-later

#include "lists/cluster_list.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "lists/json_errors.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

using nlohmann::json;

// Clusters of the format, from 512 bytes to 2 MiB.
constexpr std::uint64_t kFewestBits = 9;
constexpr std::uint64_t kMostBits = 21;

constexpr std::uint64_t kMaxByte = (1ULL << 63) - 1;

// Where the parser is.
constexpr unsigned kInObject = 1;
constexpr unsigned kInList = 2;
constexpr unsigned kInPair = 3;

class ClusterListReader final : public json::json_sax_t {
 public:
  ClusterListReader(JsonBytes& bytes, const std::string& name,
                    const std::function<bool(const ListEntry&)>& handle)
      : bytes_(bytes), name_(name), handle_(handle) {}

  bool null() override { return other_value("null"); }
  bool boolean(bool /*value*/) override { return other_value("a boolean"); }
  bool number_unsigned(number_unsigned_t value) override {
    bytes_.token_ended();
    if (depth_ == kInObject && key_ == "cluster_bits") return set_bits(value);
    if (!in_list() || depth_ != kInPair) return other_value("a number");
    if (numbers_ == 2) fail_pair();
    (numbers_++ == 0 ? first_ : last_) = value;
    return true;
  }
  bool number_integer(number_integer_t value) override {
    bytes_.token_ended();
    if (in_list()) fail(fmt::format("{} is negative", value));
    return other_value("a number");
  }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    bytes_.token_ended();
    if (in_list()) fail(fmt::format("{} is not a whole number below 2^63", shorten(text)));
    return other_value("a number");
  }
  bool string(string_t& /*value*/) override {
    bytes_.token_ended();
    return other_value("a string");
  }
  bool binary(binary_t& /*value*/) override { return other_value("binary data"); }

  bool key(string_t& value) override {
    bytes_.token_ended();
    if (depth_ == kInObject) key_ = std::move(value);
    return true;
  }

  bool start_object(std::size_t /*elements*/) override {
    if (depth_ != 0) other_value("an object");
    check_nesting(name_, bytes_.position(), ++depth_);
    return true;
  }
  bool end_object() override {
    if (--depth_ == 0 && !has_list_) fail_object("has no data_clusters");
    return true;
  }
  bool start_array(std::size_t /*elements*/) override {
    if (depth_ == kInObject && key_ == "data_clusters") {
      begin_list();
    } else if (in_list() && depth_ == kInList) {
      ++count_;
      numbers_ = 0;
    } else {
      other_value("a list");
    }
    check_nesting(name_, bytes_.position(), ++depth_);
    return true;
  }
  bool end_array() override {
    const bool is_pair = in_list() && depth_ == kInPair;
    --depth_;
    return !is_pair || end_pair();
  }

  bool parse_error(std::size_t position, const std::string& /*last_token*/,
                   const json::exception& error) override {
    throw_not_json(name_, position, error.what());
  }

 private:
  [[nodiscard]] bool in_list() const { return depth_ >= kInList && key_ == "data_clusters"; }

  bool set_bits(std::uint64_t bits) {
    if (bits_) fail_object("has cluster_bits twice");
    if (bits < kFewestBits || bits > kMostBits) {
      fail_object(
          fmt::format("cluster_bits {} is not from {} to {}", bits, kFewestBits, kMostBits));
    }
    bits_ = bits;
    return true;
  }

  // What stands before cluster_bits would have to be kept, however much it is.
  void begin_list() {
    if (has_list_) fail_object("has data_clusters twice");
    if (!bits_) fail_object("cluster_bits has to stand before data_clusters");
    has_list_ = true;
  }

  bool end_pair() {
    if (numbers_ != 2) fail_pair();
    if (last_ < first_) fail_entry(fmt::format("ends at cluster {}, before {}", last_, first_));
    if (last_ >= kMaxByte >> *bits_) {
      fail_entry(fmt::format("cluster {} is past 2^63 bytes", last_));
    }
    ListEntry entry;
    entry.number = count_;
    entry.form = ListForm::kClusters;
    entry.unit = std::uint64_t{1} << *bits_;
    entry.range = {GuestOffset(first_ << *bits_), (last_ - first_ + 1) << *bits_};
    return handle_(entry);
  }

  // A value that says nothing here, unless it is one of ours.
  bool other_value(const char* kind) const {
    if (in_list()) fail(fmt::format("is {}, two numbers are expected", kind));
    if (depth_ == kInObject && (key_ == "cluster_bits" || key_ == "data_clusters")) {
      fail_object(fmt::format("{} must not be {}", key_, kind));
    }
    return true;
  }

  [[noreturn]] void fail(const std::string& reason) const {
    const std::uint64_t number = depth_ == kInList ? count_ + 1 : count_;
    throw Error(ErrorKind::kFailed, name_, fmt::format("entry {}", number), reason);
  }
  // Of the pair that has begun last.
  [[noreturn]] void fail_entry(const std::string& reason) const {
    throw Error(ErrorKind::kFailed, name_, fmt::format("entry {}", count_), reason);
  }
  [[noreturn]] void fail_pair() const {
    fail_entry("is not the numbers of a first and a last cluster");
  }
  [[noreturn]] void fail_object(const std::string& reason) const {
    throw Error(ErrorKind::kFailed, name_, "is not a list of clusters", reason);
  }

  JsonBytes& bytes_;
  const std::string& name_;
  const std::function<bool(const ListEntry&)>& handle_;

  unsigned depth_ = 0;
  std::string key_;  // of the object
  std::optional<std::uint64_t> bits_;
  bool has_list_ = false;
  std::uint64_t count_ = 0;  // pairs
  unsigned numbers_ = 0;     // of the pair
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace

bool read_cluster_list(JsonBytes& bytes, const std::string& name,
                       const std::function<bool(const ListEntry&)>& handle) {
  ClusterListReader reader(bytes, name, handle);
  return json::sax_parse(bytes.begin(), JsonBytes::end(), &reader);
}

}  // namespace qcow2stream
