// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "system/fd.h"
#include "system/temporary_name.h"

namespace qcow2stream {

// A regular file that gets its name when it is complete. Until then it has none (O_TMPFILE), so the
// kernel removes it however the process ends. On a file system that makes no such files it has a
// hidden name beside its own, which goes away with this object, or before a signal ends the program
// (system/temporary_name.h), but stays behind a process that is killed. A file that takes the place
// of another one has such a name for a moment, when it is complete.
class NewFile {
 public:
  // What is kept of a file that it takes the place of.
  struct Replaced {
    mode_t mode = 0;
    uid_t owner = 0;
    gid_t group = 0;
    int fd = -1;  // for its extended attributes, with its access control lists; -1: none are kept
  };

  // `path` is the name that it gets; errors call it `name`. Without `replaced` there must be no
  // such file in the end. `may_be_nameless` is for tests of the other kind. Throws Error{kFailed}.
  NewFile(std::string path, std::string name, std::optional<Replaced> replaced,
          bool may_be_nameless = true);

  // Open for reading and writing. It is the caller's from here on; to be called once.
  UniqueFd take() { return std::move(fd_); }

  // Gives the file, open as `fd`, its name. It must have been flushed. Returns when the name is on
  // stable storage, too. Throws Error{kFailed}.
  void give_name(int fd);

 private:
  void make_named();
  void take_over_mode(int fd) const;
  void take_over_attributes(int fd) const;
  void link_to(int fd, const std::string& path) const;
  void name_first(int fd);
  void rename_over(int fd);
  void flush_directory() const;
  [[nodiscard]] std::string hidden_path() const;

  std::string path_;
  std::string name_;
  std::string directory_;
  std::optional<Replaced> replaced_;
  UniqueFd directory_fd_;
  UniqueFd fd_;
  TemporaryName hidden_;  // where it could not be made without a name
};

}  // namespace qcow2stream
