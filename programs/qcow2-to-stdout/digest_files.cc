// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/digest_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/errors.h"
#include "common/digest_text.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

constexpr SideFileKind kDigests = {.name = "digests", .is_old_one = is_digest_line};

}  // namespace

std::vector<DigestAlgorithm> algorithms_of(std::span<const DigestRequest> requests) {
  std::vector<DigestAlgorithm> all;
  for (const DigestRequest& request : requests) {
    if (std::ranges::find(all, request.algorithm) == all.end()) all.push_back(request.algorithm);
  }
  return all;
}

DigestFiles::DigestFiles(const BesideJob& job, Ends& ends) : job_(job) {
  for (const DigestRequest& request : job.digests) {
    targets_.push_back(request.file ? open(*request.file, ends) : kStderr);
  }
}

// Several digests may go into one file; the second must not overwrite the first.
std::size_t DigestFiles::open(const std::string& path, Ends& ends) {
  const auto same =
      std::ranges::find_if(files_, [&](const SideFile& file) { return file.is_also(path); });
  const auto index = static_cast<std::size_t>(same - files_.begin());
  if (same == files_.end()) files_.emplace_back(path, kDigests, ends);
  return index;
}

void DigestFiles::begin() {
  for (SideFile& file : files_) file.begin();
}

std::string DigestFiles::line_of(const DigestRequest& request,
                                 std::span<const Digest> digests) const {
  const auto digest = std::ranges::find(digests, request.algorithm, &Digest::algorithm);
  return digest_line(*digest, job_.digest_name);
}

void DigestFiles::write(std::span<const Digest> digests) {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i] == kStderr) continue;
    files_[targets_[i]].write(line_of(job_.digests[i], digests));
  }
  for (SideFile& file : files_) file.close();
}

void DigestFiles::keep() {
  for (SideFile& file : files_) file.keep();
}

void DigestFiles::print(std::span<const Digest> digests) {
  for (const DigestRequest& request : job_.digests) {
    if (!request.file && std::fputs(line_of(request, digests).c_str(), stderr) < 0) {
      throw system_error("standard error", "write failed", errno);
    }
  }
}

}  // namespace qcow2stream::cli
