// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/temporary_name.h"
#include "cli/options.h"

namespace qcow2stream::cli {

// A file that is written beside the image, for example with its digest. Writing throws Error.
class SideFile {
 public:
  // Opens `path`, and makes it where it is not; what is in it stays until begin(). A file that it
  // has made goes away again unless it gets to close(). /dev/fd/N and /dev/stderr are the
  // descriptor itself, which goes on where it stands. Throws Error if it cannot be opened, and if
  // it is a file that is read, or where the image goes.
  SideFile(std::string path, const Options& options);

  // A regular file is empty from here on.
  void begin();
  void write(std::string_view text);
  // What is in it stays. A network file system may report a failed write only here.
  void close();

  // It stays, whatever becomes of the rest.
  void keep() { name_.keep(); }

  [[nodiscard]] bool is_same_file(const SideFile& other) const;

 private:
  void open_path();
  void check_is_another(const Options& options) const;

  std::string path_;
  UniqueFd fd_;
  struct stat status_ {};
  bool is_path_ = true;  // and not a descriptor that the caller has opened
  TemporaryName name_;   // of a file that was not there
};

}  // namespace qcow2stream::cli
