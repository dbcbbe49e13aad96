// SPDX-License-Identifier: GPL-2.0-or-later
//
// Files of manifests. The first byte of an input says what the rest is: a whole file; pages that
// get their checksums; or a content whose manifest is written, changed where the rest says so, and
// read again. What is read as a manifest says of every chunk what its root says, or it is an Error.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "digest/sha256.h"
#include "input.h"
#include "manifest/pages.h"
#include "manifest/root_builder.h"
#include "qcow2stream/qcow2stream.h"
#include "system/fd.h"

namespace qcow2stream::fuzz {
namespace {

using manifest::kPageSize;

constexpr std::size_t kBody = kPageSize - sizeof(ContentDigest);

// A look at each chunk of more than this would take too long.
constexpr std::uint64_t kMostLooks = 4096;

void seal(std::vector<std::byte>& file) {
  file.resize((file.size() + kPageSize - 1) / kPageSize * kPageSize);
  for (std::size_t at = 0; at < file.size(); at += kPageSize) {
    Sha256 hash;
    hash.update(std::span(file).subspan(at, kBody));
    std::ranges::copy(hash.finish(), file.begin() + static_cast<std::ptrdiff_t>(at + kBody));
  }
}

ManifestBuilder content_of(Input& input) {
  const unsigned bits = kFewestChunkBits + input.byte() % (kMostChunkBits - kFewestChunkBits + 1);
  const std::uint64_t length = ((input.number() << bits) + input.number() * 512) & ~511ULL;
  ManifestBuilder builder(length, bits);
  std::uint64_t chunk = 0;
  for (unsigned n = input.byte(); n > 0 && !input.at_end(); --n) {
    chunk += input.number();
    for (unsigned run = input.byte(); run > 0 && chunk < chunk_count(length, bits); --run) {
      ContentDigest digest{};
      digest.front() = std::byte{input.byte()};
      builder.set(chunk++, digest, input.byte() % 2 != 0);
    }
  }
  return builder;
}

std::vector<std::byte> encoded(const ManifestBuilder& builder) {
  std::vector<std::byte> file;
  builder.encode(std::nullopt, [&](std::span<const std::byte> bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
  });
  return file;
}

// The root by what the manifest says of each run.
void check_manifest(const Manifest& manifest) {
  const ManifestHeader& header = manifest.header();
  RootBuilder root(header.chunk_bits);
  Manifest::Cursor cursor(manifest);
  std::uint64_t looks = 0;
  for (std::uint64_t chunk = 0; chunk < manifest.chunk_count();) {
    if (++looks > kMostLooks) return;
    const ManifestChunk found = cursor.at(chunk);
    require(found.run > 0 && found.run <= manifest.chunk_count() - chunk, "a run");
    require(found.zeros || found.run == 1, "a run of data");
    if (found.zeros && found.run > 1) {
      root.append_zeros(found.run);
    } else {
      root.append(found.digest);
    }
    chunk += found.run;
  }
  require(root.finish(header.length) == header.root, "the root");
}

// Whether it is read as a manifest.
bool check_file(std::span<const std::byte> file) {
  const UniqueFd fd(::memfd_create("manifest", MFD_CLOEXEC));
  require(fd && ::write(fd.get(), file.data(), file.size()) >= 0, "a file in memory");
  try {
    check_manifest(Manifest::load("/proc/self/fd/" + std::to_string(fd.get())));
    return true;
  } catch (const Error&) {
    return false;  // as it should be, for what is none
  }
}

void check_content(Input& input) {
  const ManifestBuilder builder = content_of(input);
  auto file = encoded(builder);
  require(check_file(file), "what was written is read");
  if (input.at_end()) return;
  const bool seals = input.byte() % 2 != 0;
  const auto good = file;
  while (!input.at_end()) {
    const std::uint64_t at = input.number() % file.size();
    file[at] = std::byte{input.byte()};
  }
  if (seals) seal(file);
  const bool is_read = check_file(file);
  require(seals || is_read == (file == good), "damage is found");
}

void check(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const auto rest = std::as_bytes(bytes.subspan(1));
  std::vector<std::byte> file(rest.begin(), rest.end());
  switch (bytes.front() % 3) {
    case 0:
      check_file(file);
      break;
    case 1:
      seal(file);
      check_file(file);
      break;
    default:
      Input input(bytes.subspan(1));
      check_content(input);
  }
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("manifest", [&] { qcow2stream::fuzz::check({data, size}); });
}
