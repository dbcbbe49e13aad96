// SPDX-License-Identifier: GPL-2.0-or-later
//
// Uses the library for a long time in one process:
//   soak SECONDS THREADS RAW BASE QCOW2 NBD-URI
// Each thread opens one source after the other, surveys it, takes the image in random ranges and
// emits it into a file, and compares all of it with what the first round gave. Prints now and then
// what the process takes (resident memory, threads, descriptors); ends with status 1 where an image
// differs, or where more is taken at the end than when all had run for a while.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "qcow2stream/qcow2stream.h"

namespace {

using namespace qcow2stream;
using Clock = std::chrono::steady_clock;

struct Sources {
  std::string raw, base, qcow2, nbd;
};

constexpr int kKinds = 8;

// One way to make an image; the same for the same `kind`.
Image make_image(const Sources& from, int kind) {
  ImageOptions options;
  SurveyOptions how{.threads = 2};
  std::shared_ptr<const Disk> disk;
  if (kind == 1 || kind == 2) options.compression = Compression{.type = CompressionType::kZstd};
  if (kind == 2) {
    how.spool_memory = 0;
    how.spool_directory = "/var/tmp";
  }
  if (kind == 3) {
    options.backing_file = BackingFile{.name = "base.raw", .format = "raw"};
    how.what = Against{.base = open_disk(from.base)};
  }
  if (kind == 4) {
    options.extended_l2 = true;
    how.scan = Scan::kNone;
  }
  if (kind == 5) {
    disk = open_qemu(from.qcow2, "qcow2").disk;
  } else if (kind == 6) {
    disk = open_nbd(from.nbd).disk;
  } else if (kind == 7) {
    const int fd = ::open(from.raw.c_str(), O_RDONLY | O_CLOEXEC);
    disk = open_stream(fd, "stream", {.size = std::nullopt});
    ::close(fd);
  } else {
    disk = open_disk(from.raw);
  }
  auto found = survey(*disk, options, how);
  return {disk, options, std::move(found)};
}

// FNV-1a over words, and over the bytes that are left.
std::uint64_t hash(std::span<const std::byte> bytes) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    std::uint64_t word = 0;
    std::copy_n(bytes.begin(), 8, reinterpret_cast<std::byte*>(&word));
    h = (h ^ word) * 0x100000001b3;
  }
  for (const std::byte b : bytes) h = (h ^ static_cast<std::uint64_t>(b)) * 0x100000001b3;
  return h;
}

// Emitted into memory; random ranges must be those of it.
std::uint64_t hash_of_image(const Image& image, std::mt19937& random) {
  const int fd = ::memfd_create("image", MFD_CLOEXEC);
  emit(image, image.whole(), fd);
  std::vector<std::byte> all(image.size());
  const bool complete = ::pread(fd, all.data(), all.size(), 0) == static_cast<ssize_t>(all.size());
  ::close(fd);
  if (!complete) return 0;
  std::vector<std::byte> piece;
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t begin = random() % image.size();
    piece.resize(std::min<std::uint64_t>(random() % 300'000, image.size() - begin));
    image.read(HostOffset(begin), piece);
    if (!std::equal(piece.begin(), piece.end(), all.begin() + static_cast<std::ptrdiff_t>(begin))) {
      return 1;
    }
  }
  return hash(all);
}

struct Usage {
  long kibibytes = 0;
  long threads = 0;
  long descriptors = 0;
};

Usage usage() {
  Usage now;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> now.kibibytes;
    if (word == "Threads:") status >> now.threads;
  }
  now.descriptors = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  return now;
}

class Soak {
 public:
  Soak(Sources sources, double seconds)
      : sources_(std::move(sources)),
        begin_(Clock::now()),
        end_(begin_ + std::chrono::milliseconds(static_cast<long>(seconds * 1000))) {}

  int run(unsigned threads) {
    {
      std::vector<std::jthread> workers;
      for (unsigned i = 0; i < threads; ++i) workers.emplace_back([this, i] { work(i); });
      watch();
    }
    print(usage());
    const Usage last = usage();
    // Arenas of the allocator fill for a while; what leaks fills on.
    const bool flat = last.descriptors <= idle_.descriptors && last.threads == 1 &&
                      highest_late_ <= highest_early_ + highest_early_ / 4 + 16384;
    std::printf(
        "soak: %ld rounds, %ld wrong; highest memory: first half %ld KiB, second %ld KiB%s\n",
        rounds_.load(), wrong_.load(), highest_early_, highest_late_,
        flat ? "" : "; something is left");
    return wrong_ == 0 && flat && rounds_ >= kKinds ? 0 : 1;
  }

 private:
  void work(unsigned seed) {
    std::mt19937 random(seed);
    while (Clock::now() < end_) {
      const int kind = static_cast<int>(random() % kKinds);
      try {
        const Image image = make_image(sources_, kind);
        compare(kind, hash_of_image(image, random));
      } catch (const std::exception& error) {
        std::printf("soak: kind %d: %s\n", kind, error.what());
        ++wrong_;
      }
      ++rounds_;
    }
  }

  void compare(int kind, std::uint64_t found) {
    const std::lock_guard lock(mutex_);
    const auto [known, is_first] = hashes_.emplace(kind, found);
    if (is_first || known->second == found) return;
    std::printf("soak: kind %d gives another image\n", kind);
    ++wrong_;
  }

  void watch() {
    const auto middle = begin_ + (end_ - begin_) / 2;
    auto next_line = begin_;
    for (auto now = begin_; now < end_; now = Clock::now()) {
      const Usage seen = usage();
      long& highest = now < middle ? highest_early_ : highest_late_;
      highest = std::max(highest, seen.kibibytes);
      if (now >= next_line) {
        print(seen);
        next_line += (end_ - begin_) / 20;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  void print(const Usage& seen) const {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    std::printf("soak: %7.1f s  %7ld rounds  %7ld KiB  %3ld threads  %3ld descriptors\n", seconds,
                rounds_.load(), seen.kibibytes, seen.threads, seen.descriptors);
    std::fflush(stdout);
  }

  Sources sources_;
  Clock::time_point begin_;
  Clock::time_point end_;
  Usage idle_ = usage();
  std::atomic<long> rounds_ = 0;
  std::atomic<long> wrong_ = 0;
  long highest_early_ = 0;
  long highest_late_ = 0;
  std::mutex mutex_;
  std::map<int, std::uint64_t> hashes_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fputs("usage: soak SECONDS THREADS RAW BASE QCOW2 NBD-URI\n", stderr);
    return 2;
  }
  Soak soak({.raw = argv[3], .base = argv[4], .qcow2 = argv[5], .nbd = argv[6]},
            std::atof(argv[1]));
  return soak.run(static_cast<unsigned>(std::atoi(argv[2])));
}
