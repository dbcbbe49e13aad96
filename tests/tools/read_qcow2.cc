// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads a qcow2 image as the library does, piece by piece and by a queue with many requests in
// flight, and prints it as JSON:
//   read-qcow2 IMAGE [SNAPSHOT]
//   {"size": BYTES, "sha256": "...", "runs": [[START, LENGTH, "data" or "zeros", PLACE or null],
//   ...]}
// Where the image is refused: status 1
// and the reason on standard error.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/bits.h"
#include "base/endian.h"
#include "base/zero.h"
#include "digest/hasher.h"
#include "qcow2stream/qcow2.h"

namespace {

using namespace qcow2stream;

constexpr std::uint64_t kPiece = 4096;

// As content_digest() in tests/qcow2/compare: each piece that is not all zeros, and where it is.
class ContentDigest {
 public:
  explicit ContentDigest(const Disk& disk) : disk_(disk) {}

  void add(GuestRange range) {
    const std::uint64_t end = range.end().value();
    at_ = std::max(at_, align_down(range.begin.value(), kPiece));
    for (; at_ < end; at_ += kPiece) {
      piece_.resize(std::min(kPiece, disk_.size() - at_));
      disk_.read(GuestOffset(at_), piece_);
      compare_with_queue();
      if (is_zero(piece_)) continue;
      std::array<std::byte, 8> where{};
      store_big<std::uint64_t>(where.data(), at_);
      hash_->update(where);
      hash_->update(piece_);
    }
  }

  std::string finish() {
    std::string text;
    for (const std::byte b : hash_->finish())
      text += fmt::format("{:02x}", static_cast<unsigned>(b));
    return text;
  }

 private:
  // The same piece in requests that begin and end anywhere.
  void compare_with_queue() {
    constexpr std::size_t kOdd = 777;
    std::vector<std::byte> other(piece_.size());
    std::size_t in_flight = 0;
    for (std::size_t at = 0; at < other.size(); at += kOdd) {
      const auto part = std::span(other).subspan(at, std::min(kOdd, other.size() - at));
      queue_->submit(GuestOffset(at_ + at), part, at);
      if (++in_flight == std::max(1U, disk_.traits().requests_in_flight)) {
        queue_->wait();
        --in_flight;
      }
    }
    for (; in_flight > 0; --in_flight) queue_->wait();
    if (other != piece_) throw std::runtime_error(fmt::format("other bytes by a queue at {}", at_));
  }

  const Disk& disk_;
  std::unique_ptr<RequestQueue> queue_ = disk_.queue();
  std::unique_ptr<Hasher> hash_ = make_hasher(DigestAlgorithm::kSha256);
  std::vector<std::byte> piece_;
  std::uint64_t at_ = 0;
};

std::string entry(const Run& run) {
  return fmt::format("[{}, {}, \"{}\", {}]", run.range.begin.value(), run.range.length,
                     run.is_data() ? "data" : "zeros",
                     run.where ? std::to_string(run.where->offset) : "null");
}

// A run of data in the pieces that have a place each.
void add_places(const Disk& disk, GuestRange range, std::vector<std::string>& entries) {
  while (range.length > 0) {
    Run run = disk.run_at(range);
    // What run_at() has learnt of zeros here is data to runs().
    run.holds = Run::Holds::kData;
    entries.push_back(entry(run));
    range = {run.range.end(), range.length - run.range.length};
  }
}

void read_image(const char* path, const Qcow2Options& options) {
  const auto disk = open_qcow2(path, options).disk;
  ContentDigest digest(*disk);
  std::vector<std::string> entries;
  if (disk->size() > 0) {
    const auto runs = disk->runs({GuestOffset(0), disk->size()});
    while (const auto run = runs->next()) {
      if (run->is_data()) {
        digest.add(run->range);
        add_places(*disk, run->range, entries);
      } else {
        entries.push_back(entry(*run));
      }
    }
  }
  fmt::print("{{\"size\": {}, \"sha256\": \"{}\", \"runs\": [{}]}}\n", disk->size(),
             digest.finish(), fmt::join(entries, ", "));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return 2;
  Qcow2Options options;
  if (argc == 3) options.snapshot = argv[2];
  try {
    read_image(argv[1], options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
