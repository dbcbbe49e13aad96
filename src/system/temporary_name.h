// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names in the file system that must not outlive the program, whatever ends it.

#pragma once

#include <functional>
#include <string>

namespace qcow2stream {

// The name of a file, a socket or an empty directory. Goes away with this object, or before a
// signal ends the program. Thread-safe as far as different names go.
class TemporaryName {
 public:
  TemporaryName() = default;
  // `make` makes what has the name, and returns the name; an empty one if it has made nothing. A
  // signal that is watched (remove_temporary_names()) waits for it.
  explicit TemporaryName(const std::function<std::string()>& make);
  ~TemporaryName();  // leaves errno alone
  TemporaryName(TemporaryName&& other) noexcept;
  TemporaryName& operator=(TemporaryName&& other) noexcept;

  // It is not temporary any more.
  void keep();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Removes all of them, the newest first, unless somebody takes more than a second to make one.
// Whoever makes or removes one afterwards waits for ever: to be called by a thread that ends the
// program.
void remove_temporary_names();

}  // namespace qcow2stream
