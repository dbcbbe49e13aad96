// SPDX-License-Identifier: GPL-2.0-or-later
//
// A ListFile is JSON that lists runs of a disk, in one of the forms that other programs write:
//   qemu-img map --output=json   {"start", "length", "depth", "present", "zero", "data", ...}
//   rbd diff --format=json       {"offset", "length", "exists"}
//   nbdinfo --map --json         {"offset", "length", "type", "description"}
//   anything else                {"start" or "offset", "length"}
// Or an object with numbers of clusters (cluster_list.h).
// It hands over what stands in the file and refuses what is not well-formed. It does not say what
// that means for an image: the same words say what is allocated in one use and what has changed in
// another.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "qcow2stream/types.h"
#include "system/fd.h"

namespace qcow2stream {

enum class ListForm { kQemuImg, kRbd, kNbdInfo, kClusters, kPlain };

// What messages call the form: the program that writes it.
const char* name_of(ListForm form);

// One entry. An optional field has a value if the entry has it in the file; in the forms that are
// named behind "always" the entry is refused without it.
struct ListEntry {
  std::uint64_t number = 0;  // in the file, where the first entry is 1
  ListForm form = ListForm::kPlain;
  GuestRange range;  // both numbers are below 2^63
  // What the range is counted in, of which the last one may go on behind the end of the disk.
  std::uint64_t unit = 1;
  std::optional<std::uint64_t> depth;
  std::optional<bool> present;
  std::optional<bool> zero;    // always: kQemuImg
  std::optional<bool> data;    // always: kQemuImg
  std::optional<bool> exists;  // always: kRbd
  std::optional<std::uint64_t> type;
  std::optional<std::string> description;

  // The entry's place for messages: "entry 3 (offset 65536, length 4096)".
  [[nodiscard]] std::string place() const;
};

// Reads in sequence, so a pipe will do. The memory it takes does not depend on the file's size.
class ListFile {
 public:
  // Throws Error{kFailed} if the file cannot be opened.
  explicit ListFile(std::string path);

  [[nodiscard]] const std::string& name() const { return name_; }

  // Hands over every entry in the order of the file until `handle` returns false; then read()
  // returns false, too. Throws Error{kFailed} with the place in the file if it is not JSON, not a
  // list of such entries, all of one form, or would take too much memory. Throws what `handle`
  // throws.
  bool read(const std::function<bool(const ListEntry&)>& handle);

  // Whether rewind() works, which makes read() begin again. For pipes it does not.
  [[nodiscard]] bool can_rewind() const { return can_rewind_; }
  void rewind();

 private:
  std::string name_;
  UniqueFd fd_;
  bool can_rewind_ = false;
};

}  // namespace qcow2stream
