// SPDX-License-Identifier: GPL-2.0-or-later
//
// Why an examination ends early: something that is not as it must be, so that the whole volume is
// kept. Thrown inside of an examination and never out of one.

#pragma once

#include <exception>
#include <string>
#include <utility>

namespace qcow2stream {

class Kept : public std::exception {
 public:
  explicit Kept(std::string because, std::string remedy = {})
      : because_(std::move(because)), remedy_(std::move(remedy)) {}

  [[nodiscard]] const char* what() const noexcept override { return because_.c_str(); }
  // As in Finding.
  [[nodiscard]] const std::string& because() const { return because_; }
  [[nodiscard]] const std::string& remedy() const { return remedy_; }

 private:
  std::string because_;
  std::string remedy_;
};

}  // namespace qcow2stream
