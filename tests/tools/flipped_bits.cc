// SPDX-License-Identifier: GPL-2.0-or-later
//
// Flips one bit after the other of an image, or of the manifest of what it holds, and restores the
// image: tests/by-hand/flipped_bits.py.
//   flipped-bits IMAGE MANIFEST DISK THREADS CASE...
// A CASE is NAME:image:BEGIN:END:STEP or NAME:manifest:BEGIN:END:STEP: every STEPth bit of the
// bytes from BEGIN to END. An image is restored by what it says of its own content, and by the
// manifest where that has been changed. Each bit must be found, or the disk must come out as it
// was. Prints a line for each case; the status is 1 if a bit was neither.

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "file_content.h"
#include "qcow2stream/restore.h"
#include "ram_target.h"
#include "system/fd.h"
#include "system/io.h"

namespace {

using namespace qcow2stream;
using testing::content_of;
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kLargestDisk = 256 << 20;

struct Files {
  Bytes image;
  Bytes manifest;
  Bytes disk;
};

struct Case {
  std::string name;
  bool is_manifest = false;
  std::uint64_t begin = 0;  // bits
  std::uint64_t end = 0;
  std::uint64_t step = 1;
};

Case case_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::string_view rest = text;;) {
    const std::size_t colon = rest.find(':');
    words.emplace_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  if (words.size() != 5) throw std::runtime_error(text + " is no case");
  return {.name = words[0],
          .is_manifest = words[1] == "manifest",
          .begin = std::stoull(words[2]) * 8,
          .end = std::stoull(words[3]) * 8,
          .step = std::stoull(words[4])};
}

Bytes flipped(const Bytes& bytes, std::uint64_t bit) {
  Bytes changed = bytes;
  changed.at(bit / 8) ^= std::byte(0x80U >> bit % 8);
  return changed;
}

std::shared_ptr<const Manifest> loaded(const Bytes& bytes) {
  const UniqueFd fd(::memfd_create("manifest", MFD_CLOEXEC));
  if (write_full(fd.get(), bytes).bytes != bytes.size()) throw std::runtime_error("no memory");
  return std::make_shared<const Manifest>(
      Manifest::load(fmt::format("/proc/self/fd/{}", fd.get())));
}

// The disk that comes out. Throws Error.
Bytes restored(const Bytes& image, std::shared_ptr<const Manifest> manifest) {
  testing::RamTarget target;
  Restore restore(
      target,
      {.threads = 1, .max_size = kLargestDisk, .expected = {.manifest = std::move(manifest)}});
  std::size_t at = 0;
  restore.add({.read =
                   [&](std::span<std::byte> buffer) {
                     const std::size_t n = std::min(buffer.size(), image.size() - at);
                     std::copy_n(image.begin() + static_cast<std::ptrdiff_t>(at), n,
                                 buffer.begin());
                     at += n;
                     return n;
                   },
               .name = "image",
               .digests = {}});
  restore.finish();
  return target.content();
}

enum class Outcome { kFound, kWithoutEffect, kWrong };

Outcome outcome_of(const Case& one, const Files& files, std::uint64_t bit) {
  try {
    const Bytes disk = one.is_manifest ? restored(files.image, loaded(flipped(files.manifest, bit)))
                                       : restored(flipped(files.image, bit), nullptr);
    return disk == files.disk ? Outcome::kWithoutEffect : Outcome::kWrong;
  } catch (const Error&) {
    return Outcome::kFound;
  }
}

struct Tally {
  std::mutex mutex;
  std::uint64_t found = 0;
  std::uint64_t without_effect = 0;
  std::uint64_t wrong = 0;
  std::optional<std::uint64_t> first_wrong;
};

void work(const Case& one, const Files& files, std::atomic<std::uint64_t>& next, Tally& tally) {
  for (;;) {
    const std::uint64_t bit = one.begin + next++ * one.step;
    if (bit >= one.end) return;
    Outcome outcome = Outcome::kWrong;
    std::string reason;
    try {
      outcome = outcome_of(one, files, bit);
    } catch (const std::exception& error) {
      reason = error.what();
    }
    const std::lock_guard lock(tally.mutex);
    tally.found += outcome == Outcome::kFound ? 1 : 0;
    tally.without_effect += outcome == Outcome::kWithoutEffect ? 1 : 0;
    if (outcome != Outcome::kWrong) continue;
    ++tally.wrong;
    tally.first_wrong = std::min(tally.first_wrong.value_or(bit), bit);
    if (!reason.empty()) fmt::print(stderr, "{}: bit {}: {}\n", one.name, bit, reason);
  }
}

// Whether no bit was wrong.
bool run(const Case& one, const Files& files, unsigned threads) {
  std::atomic<std::uint64_t> next = 0;
  Tally tally;
  {
    std::vector<std::jthread> all;
    for (unsigned i = 0; i < threads; ++i) {
      all.emplace_back([&] { work(one, files, next, tally); });
    }
  }
  fmt::print("{}: {} bits, {} found, {} without effect", one.name,
             tally.found + tally.without_effect + tally.wrong, tally.found, tally.without_effect);
  if (tally.wrong != 0) fmt::print(", {} WRONG, the first {}", tally.wrong, *tally.first_wrong);
  fmt::print("\n");
  std::fflush(stdout);
  return tally.wrong == 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 5)
      throw std::runtime_error("flipped-bits IMAGE MANIFEST DISK THREADS CASE...");
    const Files files{content_of(words[0]), content_of(words[1]), content_of(words[2])};
    // As it is, it must come out.
    if (restored(files.image, loaded(files.manifest)) != files.disk) {
      throw std::runtime_error("the image does not hold the disk");
    }
    const auto threads = static_cast<unsigned>(std::stoul(words[3]));
    bool is_right = true;
    for (const std::string& word : std::span(words).subspan(4)) {
      is_right = run(case_of(word), files, threads) && is_right;
    }
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception& error) {
    fmt::print(stderr, "flipped-bits: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
