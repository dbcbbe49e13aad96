// SPDX-License-Identifier: GPL-2.0-or-later
//
// All files and descriptors of a run, and which of them must not be the same.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "system/storage.h"

namespace qcow2stream::cli {

enum class EndRole : unsigned {
  kRead = 1 << 0,      // it stays as it is: what is read, and what the image will refer to
  kImage = 1 << 1,     // the image goes there
  kAnswer = 1 << 2,    // standard output, where that has what was asked for in place of an image
  kCommand = 1 << 3,   // standard output, where that is the command's of --run
  kFile = 1 << 4,      // a file beside the image, which is emptied
  kStream = 1 << 5,    // the same through a descriptor, which goes on where it stands
  kProgress = 1 << 6,  // lines
  kMessages = 1 << 7,  // lines on standard error
  kTarget = 1 << 8,    // the disk that is written, at any place of it
};

struct End {
  EndRole role;
  std::string name;     // in messages about it
  std::string content;  // "the image", "progress": what goes there
  Storage storage;      // nothing as long as there is no such file
};

// Not thread-safe.
class Ends {
 public:
  explicit Ends(SystemRoots roots = {}) : finder_(std::move(roots)) {}

  void add(EndRole role, std::string name, const std::string& path, std::string content = {});
  void add(EndRole role, std::string name, int fd, std::string content = {});
  void add(End end) { all_.push_back(std::move(end)); }

  // Compares each two of them by the table of rules. Throws Error that is about the one of them
  // which should be another.
  void check() const;

  // The file beside the image that was added as `name` is open now. Compares it with all others.
  void opened(const std::string& name, int fd);

  [[nodiscard]] const StorageFinder& finder() const { return finder_; }
  [[nodiscard]] std::span<const End> all() const { return all_; }

 private:
  StorageFinder finder_;
  std::vector<End> all_;
};

// Whether a message would be amid the bytes of the other end. Not in the table: as long as nothing
// is said, it does no harm.
bool is_same_stream(const Storage& messages, const Storage& image);

}  // namespace qcow2stream::cli
