// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds the files that a chain of qcow2 images names (specification: "Header", "Header
// extensions"). An image may lie about anything here. The files that it names are only compared
// with others, and nothing but their headers is read.

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "base/endian.h"
#include "qcow2stream/qemu.h"
#include "system/descriptor_name.h"
#include "system/fd.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

using Json = nlohmann::json;

// QEMU itself gives up on chains of 200 images or so, since its block layer recurses.
constexpr std::size_t kMostFiles = 1000;
// Extensions lie before the backing file's name, in the first cluster.
constexpr std::size_t kLookAt = 65536;
constexpr std::size_t kSmallestHeader = 72;
constexpr std::uint32_t kMagic = 0x514649fb;
constexpr std::uint32_t kDataFileName = 0x44415441;
constexpr std::uint32_t kLongestName = 1023;

std::string text_at(const std::vector<std::byte>& bytes, std::size_t at, std::size_t length) {
  if (at > bytes.size() || length > bytes.size() - at) return "";
  return {reinterpret_cast<const char*>(&bytes[at]), length};
}

std::string backing_name(const std::vector<std::byte>& header) {
  const auto at = load_big<std::uint64_t>(&header[8]);
  const auto length = load_big<std::uint32_t>(&header[16]);
  if (at == 0 || length == 0 || length > kLongestName || at > header.size()) return "";
  return text_at(header, at, length);
}

std::string data_name(const std::vector<std::byte>& header) {
  constexpr std::size_t kLengthAt = 100;
  std::size_t at = kSmallestHeader;
  if (load_big<std::uint32_t>(&header[4]) >= 3) {
    if (header.size() < kLengthAt + 4) return "";
    at = load_big<std::uint32_t>(&header[kLengthAt]);
  }
  while (at + 8 <= header.size()) {
    const auto type = load_big<std::uint32_t>(&header[at]);
    const auto length = load_big<std::uint32_t>(&header[at + 4]);
    at += 8;
    if (type == 0) break;
    if (type == kDataFileName) return text_at(header, at, length);
    at += (static_cast<std::size_t>(length) + 7) / 8 * 8;
  }
  return "";
}

// The header of a regular file or a block device. Empty if that is no qcow2 image.
std::vector<std::byte> header_of(int fd) {
  std::vector<std::byte> bytes(kLookAt);
  bytes.resize(read_full_at(fd, 0, bytes).bytes);
  const bool is_image =
      bytes.size() >= kSmallestHeader && load_big<std::uint32_t>(bytes.data()) == kMagic;
  return is_image ? bytes : std::vector<std::byte>();
}

// All values of keys such as "filename" or "file.filename".
std::vector<std::string> names_in_json(const std::string& text) {
  std::vector<std::string> names;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_structured()) return names;
  const Json flat = json.flatten();
  for (const auto& [key, value] : flat.items()) {
    if (key.ends_with("filename") && value.is_string()) names.push_back(value.get<std::string>());
  }
  return names;
}

std::string as_qemu_is_told(const std::string& path) {
  const std::string name = names_descriptor(path) ? name_behind_descriptor(path) : "";
  return name.empty() ? path : name;
}

class Chain {
 public:
  void follow(const std::string& name) {
    waiting_.push_back(name);
    while (!waiting_.empty() && found_.size() < kMostFiles) {
      const std::string next = std::move(waiting_.back());
      waiting_.pop_back();
      look_at(next);
    }
  }
  [[nodiscard]] std::vector<std::string> take() { return std::move(found_); }

 private:
  void look_at(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    struct stat status {};
    if ((fd ? ::fstat(fd.get(), &status) : ::stat(path.c_str(), &status)) != 0) return;
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) return;
    if (!seen_.emplace(status.st_dev, status.st_ino).second) return;
    found_.push_back(path);
    const std::vector<std::byte> header = fd ? header_of(fd.get()) : std::vector<std::byte>();
    if (header.empty()) return;
    add_name(path, backing_name(header));
    add_name(path, data_name(header));
  }

  // Adds what QEMU may take the name for. If there are several possibilities, all of them.
  void add_name(const std::string& image, std::string name) {
    if (name.empty()) return;
    if (name.starts_with("json:")) {
      for (std::string& inner : names_in_json(name.substr(5))) add_name(image, std::move(inner));
      return;
    }
    if (name.starts_with("file:")) name.erase(0, 5);
    if (!name.starts_with('/')) {
      waiting_.push_back(image.substr(0, image.rfind('/') + 1) + name);
    }
    waiting_.push_back(std::move(name));
  }

  std::vector<std::string> waiting_;
  std::vector<std::string> found_;
  std::set<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace

std::vector<std::string> files_named_by(const std::string& path) {
  Chain chain;
  chain.follow(as_qemu_is_told(path));
  std::vector<std::string> files = chain.take();
  if (!files.empty()) files.erase(files.begin());
  return files;
}

std::vector<std::string> files_named_in_node(const std::string& blockdev) {
  Chain chain;
  for (const std::string& name : names_in_json(blockdev)) chain.follow(as_qemu_is_told(name));
  return chain.take();
}

}  // namespace qcow2stream
