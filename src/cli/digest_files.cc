// SPDX-License-Identifier: GPL-2.0-or-later

#include "cli/digest_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/errors.h"
#include "cli/digest_text.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// What stands for standard input in a list of checksums.
constexpr const char* kNoName = "-";

}  // namespace

std::vector<DigestAlgorithm> algorithms_of(const Options& options) {
  std::vector<DigestAlgorithm> all;
  for (const DigestRequest& request : options.digests) {
    if (std::ranges::find(all, request.algorithm) == all.end()) all.push_back(request.algorithm);
  }
  return all;
}

DigestFiles::DigestFiles(const Options& options) : options_(options) {
  for (const DigestRequest& request : options.digests) {
    targets_.push_back(request.file ? open(*request.file) : kStderr);
  }
}

// Several digests may go into one file; the second must not overwrite the first.
std::size_t DigestFiles::open(const std::string& path) {
  SideFile file(path, options_);
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i].is_same_file(file)) return i;
  }
  files_.push_back(std::move(file));
  return files_.size() - 1;
}

void DigestFiles::begin() {
  for (SideFile& file : files_) file.begin();
}

std::string DigestFiles::line_of(const DigestRequest& request,
                                 std::span<const Digest> digests) const {
  const auto digest = std::ranges::find(digests, request.algorithm, &Digest::algorithm);
  return digest_line(*digest, options_.digest_name.value_or(kNoName));
}

void DigestFiles::write(std::span<const Digest> digests) {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i] == kStderr) continue;
    files_[targets_[i]].write(line_of(options_.digests[i], digests));
  }
  for (SideFile& file : files_) file.close();
}

void DigestFiles::print(std::span<const Digest> digests) {
  for (const DigestRequest& request : options_.digests) {
    if (!request.file && std::fputs(line_of(request, digests).c_str(), stderr) < 0) {
      throw system_error("standard error", "write failed", errno);
    }
  }
}

}  // namespace qcow2stream::cli
