// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names in the file system that must not outlive the program, whatever ends it.

#pragma once

#include <functional>
#include <string>

namespace qcow2stream {

// The name of a file, a socket or an empty directory. It is removed with this object, or before a
// signal ends the program. Several threads may each have names of their own.
class TemporaryName {
 public:
  TemporaryName() = default;
  // `make` makes what has the name, and returns the name, or an empty one if it has made nothing.
  // remove_temporary_names() waits until it has returned.
  explicit TemporaryName(const std::function<std::string()>& make);
  ~TemporaryName();  // leaves errno alone
  TemporaryName(TemporaryName&& other) noexcept;
  TemporaryName& operator=(TemporaryName&& other) noexcept;

  // Makes the name stay.
  void keep();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Removes all names, the newest first, unless somebody takes more than a second to make one. A
// thread that makes or removes one afterwards waits for ever, so only a thread that ends the
// program may call this.
void remove_temporary_names();

}  // namespace qcow2stream
