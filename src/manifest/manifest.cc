// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/manifest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "manifest/content_tree.h"
#include "manifest/left_out_pages.h"
#include "manifest/pages.h"
#include "manifest/root_builder.h"
#include "qcow2stream/error.h"
#include "system/fd.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

using manifest::kPageSize;
using manifest::Page;
using manifest::Run;
using manifest::RunKind;

// Of what cannot be read at any place: a manifest of 32 TiB of data in chunks of 1 MiB.
constexpr std::uint64_t kMostInMemory = 1ULL << 30;

constexpr std::size_t kVersionDigits = 2;  // "1\n"

[[noreturn]] void unfit(const std::string& name, const std::string& what, const std::string& why) {
  throw Error(ErrorKind::kMismatch, name, what, why).about(ErrorSubject::kManifest);
}

[[noreturn]] void damaged(const std::string& name, const std::string& how) {
  unfit(name, "is a damaged manifest", how);
}

[[noreturn]] void failed(const std::string& name, const char* what, int error) {
  throw system_error(name, what, error).about(ErrorSubject::kManifest);
}

// The pages of a file from its beginning, which end where the file does. Those of what cannot be
// read at any place are kept.
class PageReader {
 public:
  PageReader(const std::string& name, UniqueFd fd) : name_(name), fd_(std::move(fd)) {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) failed(name_, "cannot be opened", errno);
    if (S_ISREG(status.st_mode)) return;
    kept_ = UniqueFd(::memfd_create("manifest", MFD_CLOEXEC));
    if (!kept_) failed(name_, "cannot be kept in memory", errno);
  }

  // False at the end of the file.
  bool next(Page& page) {
    const Moved moved = read_full(fd_.get(), page);
    if (moved.error != 0) failed(name_, "read failed", moved.error);
    if (moved.bytes == 0) return false;
    if (read_ == 0) check_kind(std::span(page).first(moved.bytes));
    if (moved.bytes < page.size()) damaged(name_, "it ends too early");
    if (!manifest::is_whole(page)) {
      damaged(name_, "the checksum at offset " + std::to_string(read_) + " does not match");
    }
    if (kept_) keep(page);
    read_ += page.size();
    return true;
  }

  // From which any page can be read.
  UniqueFd take_file() { return std::move(kept_ ? kept_ : fd_); }

 private:
  void check_kind(std::span<const std::byte> bytes) const {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!text.starts_with(kManifestBeginning)) unfit(name_, "is not a manifest", "");
    const auto version = text.substr(kManifestBeginning.size(), kVersionDigits);
    if (version != "1\n") {
      unfit(name_, "is a manifest of another version", "this program reads version 1");
    }
  }

  void keep(const Page& page) {
    if (read_ >= kMostInMemory) {
      throw Error(ErrorKind::kFailed, name_, "is too large to be kept in memory",
                  "put it into a file first")
          .about(ErrorSubject::kManifest);
    }
    const Moved moved = write_full(kept_.get(), page);
    if (moved.bytes < page.size()) failed(name_, "cannot be kept in memory", moved.error);
  }

  const std::string& name_;
  UniqueFd fd_;
  UniqueFd kept_;
  std::uint64_t read_ = 0;
};

void append_run(RootBuilder& root, const Page& page, const Run& run) {
  if (run.kind == RunKind::kZeros) return root.append_zeros(run.count);
  for (std::uint64_t chunk = run.first; chunk < run.end(); ++chunk) {
    root.append(manifest::digest_at(page, run, chunk));
  }
}

}  // namespace

struct Manifest::File {
  std::string name;
  ManifestHeader header;
  UniqueFd fd;
  std::vector<std::uint64_t> first_chunks;  // of each page of runs
  std::uint64_t left_out_pages = 0;         // that follow these

  [[nodiscard]] std::uint64_t chunks() const {
    return qcow2stream::chunk_count(header.length, header.chunk_bits);
  }
};

Manifest::Manifest(std::unique_ptr<const File> file) : file_(std::move(file)) {}
Manifest::Manifest(Manifest&&) noexcept = default;
Manifest& Manifest::operator=(Manifest&&) noexcept = default;
Manifest::~Manifest() = default;

Manifest Manifest::load(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) failed(path, "cannot be opened", errno);
  auto file = std::make_unique<File>();
  file->name = path;
  PageReader pages(path, std::move(fd));
  Page page{};
  if (!pages.next(page)) unfit(path, "is not a manifest", "it is empty");
  if (const auto* problem = manifest::decode_header(page, file->header)) damaged(path, problem);

  RootBuilder root(file->header.chunk_bits);
  std::vector<Run> runs;
  std::uint64_t position = 0;
  std::vector<GuestRange> left_out;
  while (pages.next(page)) {
    const std::uint64_t number = file->first_chunks.size() + file->left_out_pages + 1;
    if (file->header.left_out && position == file->chunks()) {
      const std::uint64_t begin = left_out.empty() ? 0 : left_out.back().end().value();
      const auto* problem =
          manifest::decode_left_out(page, number, begin, file->header.length, left_out);
      if (problem != nullptr) damaged(path, problem);
      ++file->left_out_pages;
      continue;
    }
    if (const auto* problem = manifest::decode_runs(page, number, position, file->chunks(), runs)) {
      damaged(path, problem);
    }
    file->first_chunks.push_back(position);
    for (const Run& run : runs) append_run(root, page, run);
    position = runs.back().end();
  }
  const bool has_all = position == file->chunks();
  if (!has_all || file->header.left_out != (file->left_out_pages > 0)) {
    damaged(path, "it ends too early");
  }
  if (root.finish(file->header.length) != file->header.root) {
    damaged(path, "its root is not that of its digests");
  }
  file->fd = pages.take_file();
  return Manifest(std::move(file));
}

const std::string& Manifest::name() const {
  return file_->name;
}

const ManifestHeader& Manifest::header() const {
  return file_->header;
}

std::uint64_t Manifest::chunk_count() const {
  return file_->chunks();
}

struct Manifest::Cursor::State {
  const File& file;
  Page page{};
  std::vector<Run> runs;  // of the page; none before the first
  ContentDigest zeros{};

  // Whether the page has this chunk.
  [[nodiscard]] bool has(std::uint64_t chunk) const {
    return !runs.empty() && chunk >= runs.front().first && chunk < runs.back().end();
  }

  void turn_to(std::uint64_t chunk) {
    const auto& firsts = file.first_chunks;
    const auto behind = std::ranges::upper_bound(firsts, chunk);
    const auto number = static_cast<std::uint64_t>(behind - firsts.begin());
    const std::uint64_t end = behind == firsts.end() ? file.chunks() : *behind;
    runs.clear();
    const Moved moved = read_full_at(file.fd.get(), number * kPageSize, page);
    if (moved.error != 0) failed(file.name, "read failed", moved.error);
    if (moved.bytes < page.size() || !manifest::is_whole(page) ||
        manifest::decode_runs(page, number, firsts[number - 1], end, runs) != nullptr ||
        runs.back().end() != end) {
      runs.clear();
      damaged(file.name, "it has changed while it was used");
    }
  }
};

Manifest::Cursor::Cursor(const Manifest& manifest)
    : state_(new State{.file = *manifest.file_,
                       .zeros = zero_digest(manifest.header().chunk_bits - kFewestChunkBits)}) {}
Manifest::Cursor::~Cursor() = default;
Manifest::Cursor::Cursor(Cursor&&) noexcept = default;

ManifestChunk Manifest::Cursor::at(std::uint64_t chunk) {
  assert(chunk < state_->file.chunks());
  if (!state_->has(chunk)) state_->turn_to(chunk);
  const auto behind = std::ranges::upper_bound(state_->runs, chunk, {}, &Run::first);
  const Run& run = *(behind - 1);
  const std::uint64_t rest = run.end() - chunk;
  if (run.kind == RunKind::kZeros) return {.digest = state_->zeros, .run = rest};
  const ContentDigest digest = manifest::digest_at(state_->page, run, chunk);
  return {.zeros = digest == state_->zeros,
          .inherited = run.kind == RunKind::kInherited,
          .digest = digest,
          .run = 1};
}

std::optional<GuestRange> Manifest::LeftOutCursor::next() {
  if (at_ == runs_.size()) {
    if (page_ == file_.left_out_pages) return std::nullopt;
    const std::uint64_t number = file_.first_chunks.size() + 1 + page_;
    Page page{};
    const Moved moved = read_full_at(file_.fd.get(), number * kPageSize, page);
    if (moved.error != 0) failed(file_.name, "read failed", moved.error);
    if (moved.bytes < page.size() || !manifest::is_whole(page) ||
        manifest::decode_left_out(page, number, end_, file_.header.length, runs_) != nullptr) {
      damaged(file_.name, "it has changed while it was used");
    }
    ++page_;
    at_ = 0;
    end_ = runs_.back().end().value();
  }
  return runs_[at_++];
}

}  // namespace qcow2stream
