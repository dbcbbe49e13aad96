// SPDX-License-Identifier: GPL-2.0-or-later

#include "lists/list_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "lists/cluster_list.h"
#include "lists/json_bytes.h"
#include "lists/json_errors.h"

namespace qcow2stream {
namespace {

using nlohmann::json;

// Entries are flat.
constexpr std::uint64_t kMaxEntry = 1 << 22;  // bytes

constexpr std::uint64_t kMaxNumber = (1ULL << 63) - 1;

// Takes the parser's events and makes entries of them. The parser does not recurse and keeps one
// bit a bracket, so the only limit of nesting is the one here.
class EntryReader final : public json::json_sax_t {
 public:
  EntryReader(JsonBytes& bytes, const std::string& name,
              const std::function<bool(const ListEntry&)>& handle)
      : bytes_(bytes), name_(name), handle_(handle) {}

  bool null() override { return other_value("null"); }
  bool boolean(bool value) override {
    if (!in_entry()) return other_value("a boolean");
    if (std::optional<bool>* field = flag_field()) return set(*field, value);
    return value_of_other_kind("a boolean");
  }
  bool number_unsigned(number_unsigned_t value) override {
    token_ended();
    if (!in_entry()) return other_value("a number");
    std::optional<std::uint64_t>* field = number_field();
    if (field == nullptr) return value_of_other_kind("a number");
    if (value > kMaxNumber) fail_key(fmt::format("{} is not below 2^63", value));
    return set(*field, std::uint64_t{value});
  }
  bool number_integer(number_integer_t value) override {
    token_ended();  // the number is negative, or the parser had called number_unsigned()
    if (in_entry() && number_field() != nullptr) fail_key(fmt::format("{} is negative", value));
    return other_value("a number");
  }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    token_ended();
    if (in_entry() && number_field() != nullptr) {
      fail_key(fmt::format("{} is not a whole number below 2^63", shorten(text)));
    }
    return other_value("a number");
  }
  bool string(string_t& value) override {
    token_ended();
    if (!in_entry()) return other_value("a string");
    if (key_ == "description") return set(entry_.description, std::move(value));
    if (key_ == "exists") return set(entry_.exists, exists_word(value));
    return value_of_other_kind("a string");
  }
  bool binary(binary_t& /*value*/) override { return other_value("binary data"); }

  bool key(string_t& value) override {
    token_ended();
    if (in_entry()) key_ = std::move(value);
    return true;
  }

  bool start_object(std::size_t /*elements*/) override {
    if (depth_ != 1) other_value("an object");
    begin_nested();
    if (depth_ == 2) begin_entry();
    return true;
  }
  bool end_object() override {
    --depth_;
    return depth_ != 1 || end_entry();
  }
  bool start_array(std::size_t /*elements*/) override {
    if (depth_ != 0) other_value("a list");
    begin_nested();
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*last_token*/,
                   const json::exception& error) override {
    throw_not_json(name_, position, error.what());
  }

 private:
  [[nodiscard]] bool in_entry() const { return depth_ == 2; }

  std::optional<std::uint64_t>* number_field() {
    if (key_ == "start") return &start_;
    if (key_ == "offset") return &offset_;
    if (key_ == "length") return &length_;
    if (key_ == "depth") return &entry_.depth;
    if (key_ == "type") return &entry_.type;
    return nullptr;
  }
  std::optional<bool>* flag_field() {
    if (key_ == "present") return &entry_.present;
    if (key_ == "zero") return &entry_.zero;
    if (key_ == "data") return &entry_.data;
    if (key_ == "exists") return &entry_.exists;
    return nullptr;
  }

  template <class T>
  bool set(std::optional<T>& field, T value) {
    if (field) fail_key("is there twice");
    field = std::move(value);
    return true;
  }

  // rbd writes strings for what are booleans.
  [[nodiscard]] bool exists_word(const std::string& value) const {
    if (value != "true" && value != "false") {
      fail_key(fmt::format("'{}' is neither true nor false", shorten(value)));
    }
    return value == "true";
  }

  // A value in a place where it says nothing, or nothing that can be understood.
  bool other_value(const char* kind) const {
    if (depth_ == 0) fail_at_byte("is not a list of runs", "a list of objects is expected");
    if (depth_ == 1) fail(count_ + 1, fmt::format("is {}, an object is expected", kind));
    return !in_entry() || value_of_other_kind(kind);
  }
  bool value_of_other_kind(const char* kind) const {
    for (const char* known : {"start", "offset", "length", "depth", "type", "present", "zero",
                              "data", "exists", "description"}) {
      if (key_ == known) fail_key(fmt::format("must not be {}", kind));
    }
    return true;
  }

  // An entry may hold anything that other programs write into it, so its size needs a limit.
  void token_ended() {
    bytes_.token_ended();
    if (depth_ >= 2 && bytes_.position() - entry_begin_ > kMaxEntry) {
      fail(count_, fmt::format("has more than {} bytes", kMaxEntry));
    }
  }

  void begin_nested() { check_nesting(name_, bytes_.position(), ++depth_); }

  void begin_entry() {
    entry_ = {};
    entry_.number = ++count_;
    entry_begin_ = bytes_.position();
    start_ = offset_ = length_ = std::nullopt;
  }

  bool end_entry() {
    // In the output of qemu-img "offset" is the place in the file that has the data, and "start" is
    // the place in the disk.
    const auto begin = start_ ? start_ : offset_;
    if (!begin) fail(count_, "has neither a start nor an offset");
    if (!length_) fail(count_, "has no length");
    entry_.range = {GuestOffset(*begin), *length_};
    entry_.form = form_of_entry();
    if (form_ && *form_ != entry_.form) {
      fail(count_, fmt::format("has the form of {}, the entries before it that of {}",
                               name_of(entry_.form), name_of(*form_)));
    }
    form_ = entry_.form;
    return handle_(entry_);
  }

  [[nodiscard]] ListForm form_of_entry() const {
    const ListEntry& e = entry_;
    const bool qemu = e.data || e.zero || e.present || e.depth;
    const bool nbdinfo = e.type || e.description;
    if (qemu + nbdinfo + e.exists.has_value() > 1) {
      fail(count_, "mixes the forms of different programs");
    }
    if (qemu && (!e.zero || !e.data)) {
      fail(count_, fmt::format("has no {}, as qemu-img map writes it", e.zero ? "data" : "zero"));
    }
    if (qemu) return ListForm::kQemuImg;
    if (nbdinfo) return ListForm::kNbdInfo;
    return e.exists ? ListForm::kRbd : ListForm::kPlain;
  }

  [[noreturn]] void fail(std::uint64_t entry, const std::string& reason) const {
    throw Error(ErrorKind::kFailed, name_, fmt::format("entry {}", entry), reason);
  }
  [[noreturn]] void fail_key(const std::string& reason) const {
    fail(count_, fmt::format("{} {}", shorten(key_), reason));
  }
  [[noreturn]] void fail_at_byte(const char* what, const std::string& reason) const {
    throw Error(ErrorKind::kFailed, name_, fmt::format("byte {}: {}", bytes_.position(), what),
                reason)
        .at(bytes_.position());
  }

  JsonBytes& bytes_;
  const std::string& name_;
  const std::function<bool(const ListEntry&)>& handle_;

  unsigned depth_ = 0;  // 1 in the list, 2 in an entry
  std::uint64_t count_ = 0;
  std::optional<ListForm> form_;
  std::string key_;
  ListEntry entry_;
  std::uint64_t entry_begin_ = 0;  // its first byte in the file
  std::optional<std::uint64_t> start_;
  std::optional<std::uint64_t> offset_;
  std::optional<std::uint64_t> length_;
};

// Takes the white space before it.
bool begins_with_object(JsonBytes& bytes) {
  constexpr std::string_view kSpace = " \t\r\n";
  while (!bytes.at_end() && kSpace.find(bytes.peek()) != std::string_view::npos) bytes.advance();
  return !bytes.at_end() && bytes.peek() == '{';
}

}  // namespace

const char* name_of(ListForm form) {
  switch (form) {
    case ListForm::kQemuImg:
      return "qemu-img map";
    case ListForm::kRbd:
      return "rbd diff";
    case ListForm::kNbdInfo:
      return "nbdinfo --map";
    case ListForm::kClusters:
      return "a list of clusters";
    case ListForm::kPlain:
      return "a plain list";
  }
  return "";
}

std::string ListEntry::place() const {
  return fmt::format("entry {} (offset {}, length {})", number, range.begin.value(), range.length);
}

ListFile::ListFile(std::string path) : name_(std::move(path)) {
  fd_ = UniqueFd(::open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd_) throw system_error(name_, "cannot be opened", errno);
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) throw system_error(name_, "stat failed", errno);
  can_rewind_ = S_ISREG(status.st_mode);
}

bool ListFile::read(const std::function<bool(const ListEntry&)>& handle) {
  JsonBytes bytes(name_, fd_.get());
  if (begins_with_object(bytes)) return read_cluster_list(bytes, name_, handle);
  EntryReader reader(bytes, name_, handle);
  return json::sax_parse(bytes.begin(), JsonBytes::end(), &reader);
}

void ListFile::rewind() {
  if (::lseek(fd_.get(), 0, SEEK_SET) != 0) throw system_error(name_, "seek failed", errno);
}

}  // namespace qcow2stream
