// SPDX-License-Identifier: GPL-2.0-or-later
//
// Changes images at random, and looks at what becomes of them:
//   mutations COUNT SEED SAMPLES EVERY IMAGE...
// Each of COUNT mutations is checked, restored as a stream, and read as a file. What is restored
// must be what is read, and nothing outside the disk may be written; an image that is sound must be
// restored. Prints how many were accepted, and refused for which reason. Every EVERYth mutation is
// put into the directory SAMPLES, as NUMBER.qcow2; NUMBER.verdict has "check: " and "restore: "
// with what was said, and NUMBER.raw is what was restored, if anything was. IMAGE 0 is not changed
// at all where COUNT is 0: each is then looked at as it is.

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
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/endian.h"
#include "file_content.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/restore.h"
#include "ram_target.h"
#include "system/fd.h"
#include "system/io.h"
#include "testing.h"

namespace {

using namespace qcow2stream;
using testing::content_of;
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kLargestDisk = 16 << 20;

void put(const std::string& path, const void* bytes, std::size_t size) {
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}

// What makes messages about different places the same.
std::string without_numbers(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit) out += c;
    if (is_digit && !out.ends_with('N')) out += 'N';
  }
  return out;
}

// --- changes ------------------------------------------------------------------------------------

// Where an image has what matters: its header, its tables and what is in front of compressed data.
std::vector<std::uint64_t> places_of(const Bytes& image) {
  std::vector<std::uint64_t> places;
  const auto add = [&](std::uint64_t begin, std::uint64_t length) {
    for (std::uint64_t i = 0; i < length && begin + i < image.size(); ++i) {
      places.push_back(begin + i);
    }
  };
  const auto word = [&](std::uint64_t at) {
    return at + 8 <= image.size() ? load_big<std::uint64_t>(&image[at]) : 0;
  };
  constexpr std::uint64_t kMask = 0x00ff'ffff'ffff'fe00ULL;
  const std::uint64_t cluster = 1ULL << std::to_integer<unsigned>(image[23]);
  const std::uint64_t l1 = word(40);
  const auto entries = load_big<std::uint32_t>(&image[36]);
  add(0, 112);
  add(0, 112);  // the header more often
  add(word(48), 64);
  add(word(word(48)), 256);
  add(l1, std::uint64_t{entries} * 8);
  for (std::uint32_t i = 0; i < std::min(entries, 64U); ++i) {
    const std::uint64_t l2 = word(l1 + i * 8) & kMask;
    if (l2 == 0) continue;
    // What is not used is zeros and stays so more often.
    for (std::uint64_t at = l2; at < std::min<std::uint64_t>(l2 + cluster, image.size()); at += 8) {
      if (word(at) != 0 || at % 512 == 0) add(at, 8);
    }
  }
  add(word(64), 64);  // snapshots
  add(word(word(64)), 16);
  return places;
}

// The change is the same for the same number.
Bytes changed(const Bytes& image, const std::vector<std::uint64_t>& places, std::uint64_t number) {
  std::mt19937_64 random(number);
  Bytes out = image;
  if (random() % 16 == 0) out.resize(random() % (image.size() + 1));
  const std::uint64_t changes = 1 + random() % 3;
  for (std::uint64_t i = 0; i < changes && !out.empty(); ++i) {
    const bool anywhere = random() % 8 == 0;
    const std::uint64_t at = anywhere ? random() % out.size() : places[random() % places.size()];
    if (at >= out.size()) continue;
    switch (random() % 4) {
      case 0:
        out[at] ^= std::byte(1U << random() % 8);
        break;
      case 1:
        out[at] = std::byte(random());
        break;
      case 2: {  // a word from elsewhere
        const std::uint64_t from = places[random() % places.size()] & ~7ULL;
        const std::uint64_t to = at & ~7ULL;
        if (from + 8 <= out.size() && to + 8 <= out.size()) {
          std::copy_n(image.begin() + static_cast<std::ptrdiff_t>(from), 8,
                      out.begin() + static_cast<std::ptrdiff_t>(to));
        }
        break;
      }
      default:
        out[at] = random() % 2 == 0 ? std::byte{0} : std::byte{0xff};
    }
  }
  return out;
}

// --- one mutation -------------------------------------------------------------------------------

struct Verdict {
  std::string check = "sound";
  std::string restore = "restored";
  std::string read = "read";
  std::optional<Bytes> restored;
  std::string problem;
};

RestoreOptions options() {
  return {.threads = 1, .spool_memory = 32 << 20, .max_size = kLargestDisk};
}

std::string reason_of(const Error& error) {
  return without_numbers(error.what_failed() + ": " + error.reason());
}

Verdict look_at(const Bytes& image) {
  Verdict verdict;
  const UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
  if (write_full(fd.get(), image).bytes != image.size()) throw std::runtime_error("no memory");
  const auto file = std::make_shared<testing::MemoryDisk>(image);
  ::lseek(fd.get(), 0, SEEK_SET);
  try {
    const auto checked = check_image({.fd = fd.get(), .file = file, .name = "image"}, options());
    if (checked.leaked_clusters != 0) verdict.check = "leaks";
  } catch (const Error& error) {
    verdict.check = reason_of(error);
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  testing::RamTarget target;
  try {
    Restore restore(target, options());
    restore.add({.fd = fd.get(), .name = "image"});
    restore.finish();
    verdict.restored = target.content();
  } catch (const Error& error) {
    verdict.restore = reason_of(error);
  }
  std::optional<Bytes> read;
  try {
    const auto disk = open_qcow2(file).disk;
    if (disk->size() <= kLargestDisk) {
      read.emplace(disk->size());
      if (!read->empty()) disk->read(GuestOffset(0), *read);
    }
  } catch (const Error& error) {
    verdict.read = reason_of(error);
  }
  if (verdict.restored && read && verdict.restored != read) {
    verdict.problem = "what is restored is not what is read";
  }
  const bool is_sound = verdict.check == "sound" || verdict.check == "leaks";
  if (is_sound && !verdict.restored) verdict.problem = "it is sound and not restored";
  return verdict;
}

// --- all of them --------------------------------------------------------------------------------

class Tally {
 public:
  void add(std::uint64_t number, const Verdict& verdict) {
    const std::lock_guard lock(mutex_);
    ++checks_[verdict.check];
    ++restores_[verdict.restore];
    if (verdict.restored && verdict.read == "read") ++compared_;
    if (!verdict.problem.empty()) {
      ++problems;
      fmt::print("PROBLEM {}: {} (check: {}; restore: {}; read: {})\n", number, verdict.problem,
                 verdict.check, verdict.restore, verdict.read);
    }
  }
  void print() const {
    print("check", checks_);
    print("restore", restores_);
    fmt::print("{} were restored and read, and compared; {} problems\n", compared_,
               problems.load());
  }
  std::atomic<std::uint64_t> problems = 0;

 private:
  static void print(const char* what, const std::map<std::string, std::uint64_t>& counts) {
    std::vector<std::pair<std::uint64_t, std::string>> sorted;
    for (const auto& [text, count] : counts) sorted.emplace_back(count, text);
    std::ranges::sort(sorted, std::greater());
    for (const auto& [count, text] : sorted) fmt::print("{:8} {}: {}\n", count, what, text);
  }

  std::mutex mutex_;
  std::map<std::string, std::uint64_t> checks_;
  std::map<std::string, std::uint64_t> restores_;
  std::uint64_t compared_ = 0;
};

void save(const std::string& directory, std::uint64_t number, const Bytes& image,
          const Verdict& verdict) {
  const std::string stem = fmt::format("{}/{}", directory, number);
  put(stem + ".qcow2", image.data(), image.size());
  const auto text = fmt::format("check: {}\nrestore: {}\n", verdict.check, verdict.restore);
  put(stem + ".verdict", text.data(), text.size());
  if (verdict.restored) put(stem + ".raw", verdict.restored->data(), verdict.restored->size());
}

int run(int argc, char** argv) {
  const std::uint64_t count = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t seed = std::strtoull(argv[2], nullptr, 10);
  const std::string samples = argv[3];
  const std::uint64_t every = std::strtoull(argv[4], nullptr, 10);
  std::vector<Bytes> images;
  for (int i = 5; i < argc; ++i) images.push_back(content_of(argv[i]));
  Tally tally;
  if (count == 0) {
    for (std::size_t i = 0; i < images.size(); ++i) {
      const Verdict verdict = look_at(images[i]);
      tally.add(i, verdict);
      save(samples, i, images[i], verdict);
    }
  }
  std::vector<std::vector<std::uint64_t>> places;
  for (const Bytes& image : images) places.push_back(places_of(image));
  std::atomic<std::uint64_t> next = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
      threads.emplace_back([&] {
        for (std::uint64_t n = next++; n < count; n = next++) {
          const std::uint64_t number = seed + n;
          const std::size_t which = number % images.size();
          const Bytes image = changed(images[which], places[which], number);
          const Verdict verdict = look_at(image);
          tally.add(number, verdict);
          if (n % every == 0 || !verdict.problem.empty()) save(samples, number, image, verdict);
        }
      });
    }
  }
  tally.print();
  return tally.problems == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mutations: %s\n", error.what());
    return 1;
  }
}
