// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "common/ends.h"
#include "system/fd.h"
#include "system/new_file.h"
#include "system/temporary_name.h"

namespace qcow2stream::cli {

// What a side file holds: a name for messages, and whether a file that begins so is an old one.
struct SideFileKind {
  const char* name;
  bool (*is_old_one)(std::string_view beginning);
  // What is in a regular file stays until keep(), when a new one takes its place that is complete
  // and flushed.
  bool replaces = false;
};

// A name of a descriptor that is open: opening it would be another position in the same file, and
// fails on a socket.
std::optional<int> descriptor_of(std::string_view path);

// A file that is written beside the image, for example with its digest. A mistake in its name must
// not cost anybody a disk, so it replaces what is small, or an old one of its kind. Nobody else
// writes to it meanwhile (flock). Writing throws Error.
class SideFile {
 public:
  // Opens `path`, and makes it where it is not; what is in it stays until begin(). /dev/fd/N and
  // /dev/stderr are the descriptor itself, which goes on where it stands. `ends` has it under this
  // name. Throws Error if it cannot be opened, holds something else that is large, or is one of the
  // other ends in a way that their rules forbid.
  SideFile(std::string path, const SideFileKind& kind, Ends& ends);
  // Unless it got to keep(), a file that it has made goes away, and one that was there is empty if
  // it has begun, or as it was if the kind replaces it.
  ~SideFile();
  SideFile(SideFile&& other) noexcept = default;
  SideFile& operator=(SideFile&&) = delete;

  // A regular file is empty from here on, unless the kind replaces it. Throws Error if QEMU reads
  // it: then it is part of DISK.
  void begin();
  void write(std::string_view text);
  // It is complete. A network file system may report a failed write only here.
  void close();
  // What is in it stays, whatever becomes of the rest. Throws Error where the kind replaces a file.
  void keep();

  // Whether `path` is another name of the same regular file.
  [[nodiscard]] bool is_also(const std::string& path) const;

 private:
  void open_path();
  void take_for_ourselves();
  void check_content(const SideFileKind& kind) const;
  void make_new_one();
  [[nodiscard]] bool can_be_emptied() const { return is_path_ && S_ISREG(status_.st_mode); }

  std::string path_;
  UniqueFd fd_;
  struct stat status_ {};
  bool is_path_ = true;  // and not a descriptor that the caller has opened
  bool begun_ = false;   // and not kept
  TemporaryName name_;   // of a file that was not there
  bool replaces_;
  std::optional<NewFile> new_one_;  // that will take the place of the file
  UniqueFd old_one_;                // then: keeps others from writing to it
};

}  // namespace qcow2stream::cli
