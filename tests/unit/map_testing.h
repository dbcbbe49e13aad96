// SPDX-License-Identifier: GPL-2.0-or-later
//
// Text under a name that can be opened: as a file, or as a pipe that hands it out in small pieces.

#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "system/fd.h"

namespace qcow2stream::testing {

class TextFile {
 public:
  explicit TextFile(const std::string& text) : fd_(::memfd_create("map", MFD_CLOEXEC)) {
    if (::write(fd_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      std::terminate();
    }
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

 private:
  UniqueFd fd_;
};

class TextPipe {
 public:
  TextPipe(std::string text, std::size_t piece) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::terminate();
    out_ = UniqueFd(ends[0]);
    writer_ = std::jthread([in = UniqueFd(ends[1]), text = std::move(text), piece] {
      for (std::size_t at = 0; at < text.size(); at += piece) {
        const std::size_t n = std::min(piece, text.size() - at);
        // The reader may have had enough; the end of the pipe that is open here keeps it whole.
        if (::write(in.get(), text.data() + at, n) != static_cast<ssize_t>(n)) return;
      }
    });
  }
  TextPipe(const TextPipe&) = delete;
  TextPipe& operator=(const TextPipe&) = delete;
  ~TextPipe() {
    // Lets a writer go on that nobody reads from.
    std::array<char, 4096> rest{};
    while (::read(out_.get(), rest.data(), rest.size()) > 0) {
    }
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(out_.get()); }

 private:
  UniqueFd out_;
  std::jthread writer_;
};

}  // namespace qcow2stream::testing
