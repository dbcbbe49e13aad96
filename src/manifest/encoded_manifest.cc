// SPDX-License-Identifier: GPL-2.0-or-later

#include "manifest/encoded_manifest.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "manifest/pages.h"

namespace qcow2stream {
namespace {

using manifest::kPageSize;
using manifest::Page;
using manifest::Run;
using manifest::RunKind;

// Takes the first page off; nothing if there is none that is whole.
std::optional<Page> take_page(std::span<const std::byte>& bytes) {
  if (bytes.size() < kPageSize) return std::nullopt;
  Page page{};
  std::ranges::copy(bytes.first(kPageSize), page.begin());
  bytes = bytes.subspan(kPageSize);
  return manifest::is_whole(page) ? std::optional(page) : std::nullopt;
}

bool is_this_version(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with(kManifestBeginning) &&
         text.substr(kManifestBeginning.size()).starts_with("1\n");
}

void set_run(ManifestBuilder& content, const Page& page, const Run& run) {
  if (run.kind == RunKind::kZeros) return;
  for (std::uint64_t chunk = run.first; chunk < run.end(); ++chunk) {
    content.set(chunk, manifest::digest_at(page, run, chunk), run.kind == RunKind::kInherited);
  }
}

}  // namespace

std::optional<ManifestBuilder> decode_manifest(std::span<const std::byte> bytes) {
  if (!is_this_version(bytes)) return std::nullopt;
  ManifestHeader header;
  const auto first = take_page(bytes);
  if (!first || manifest::decode_header(*first, header) != nullptr) return std::nullopt;
  ManifestBuilder content(header.length, header.chunk_bits);
  const std::uint64_t chunks = chunk_count(header.length, header.chunk_bits);
  std::vector<Run> runs;
  std::uint64_t position = 0;
  for (std::uint64_t number = 1; !bytes.empty(); ++number) {
    const auto page = take_page(bytes);
    if (!page || manifest::decode_runs(*page, number, position, chunks, runs) != nullptr) {
      return std::nullopt;
    }
    for (const Run& run : runs) set_run(content, *page, run);
    position = runs.back().end();
  }
  if (position != chunks || content.root() != header.root) return std::nullopt;
  return content;
}

}  // namespace qcow2stream
