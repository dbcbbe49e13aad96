// SPDX-License-Identifier: GPL-2.0-or-later
//
// MapFile: JSON that lists runs of a disk, in the forms that other programs write:
//   qemu-img map --output=json   {"start", "length", "depth", "present", "zero", "data", ...}
//   rbd diff --format=json       {"offset", "length", "exists"}
//   nbdinfo --map --json         {"offset", "length", "type", "description"}
//   anything else                {"start" or "offset", "length"}
// It says what stands there and that it is well-formed, not what it means for an image: the same
// words say what is allocated in one use and what has changed in another.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "qcow2stream/types.h"
#include "system/fd.h"

namespace qcow2stream {

enum class MapForm { kQemuImg, kRbd, kNbdInfo, kPlain };

// The program whose output it is, for messages.
const char* name_of(MapForm form);

// One entry. Of the optional fields those are there that the file has; all of a form that are
// written `always`.
struct MapEntry {
  std::uint64_t number = 0;  // the first one is 1
  MapForm form = MapForm::kPlain;
  GuestRange range;  // both numbers are below 2^63
  std::optional<std::uint64_t> depth;
  std::optional<bool> present;
  std::optional<bool> zero;    // always, kQemuImg
  std::optional<bool> data;    // always, kQemuImg
  std::optional<bool> exists;  // always, kRbd
  std::optional<std::uint64_t> type;
  std::optional<std::string> description;

  // "entry 3 (offset 65536, length 4096)"
  [[nodiscard]] std::string place() const;
};

// Reads in sequence: a pipe will do. Memory does not depend on the size of the file.
class MapFile {
 public:
  // Throws Error{kFailed}.
  explicit MapFile(std::string path);

  [[nodiscard]] const std::string& name() const { return name_; }

  // Hands over every entry in the order of the file until `handle` returns false; then so does
  // read(). Throws Error{kFailed} with the place: what is not JSON, not a list of such entries (all
  // of one form), or needs too much memory; and what `handle` throws.
  bool read(const std::function<bool(const MapEntry&)>& handle);

  // Whether rewind() works, which makes read() begin again. It does not for pipes.
  [[nodiscard]] bool can_rewind() const { return can_rewind_; }
  void rewind();

 private:
  std::string name_;
  UniqueFd fd_;
  bool can_rewind_ = false;
};

}  // namespace qcow2stream
