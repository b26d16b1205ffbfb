package kv

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A backup is a tar: the manifest, a snapshot for each stream in the manifest's order, and the checksum of the manifest, which
// has those of the snapshots. So what was cut or changed on its way is found out; who makes a backup up can give it sums, too.
const (
	manifestName = "manifest.json"
	sumName      = "manifest.sha256"
	backupFormat = "fortuna-backup"
	backupNow    = 1 // the version of the format
	// Bounds of what anybody may give us to read.
	manifestBytesMax = 4 << 20
	streamsMax       = 1000
)

// ErrBackup is of a file that is no backup, or was damaged.
var ErrBackup = errors.New("kv: not a backup")

// manifest says what is in a backup.
type manifest struct {
	Format  string     `json:"format"`
	Version int        `json:"version"`
	Written time.Time  `json:"written"`
	Streams []snapshot `json:"streams"`
}

// Backup writes every bucket and every queue of the store to w, each as it was at one moment, while others write or not. The
// moments of two streams are not the same. Nothing is written before all of it has been read. The error is ErrNotFound when
// there is nothing.
func (s *Store) Backup(ctx context.Context, w io.Writer, how Moving) (done Moved, err error) {
	names, err := s.streams(ctx)
	if err != nil {
		return done, err
	}
	if len(names) == 0 {
		return done, ErrNotFound
	}
	m := manifest{Format: backupFormat, Version: backupNow, Written: time.Now().UTC()}
	var files []*os.File
	defer func() {
		for _, f := range files {
			drop(f)
		}
	}()
	for _, name := range names {
		about, file, err := s.snapshot(ctx, name, how.Dir, func(bytes int64) {
			so := done
			so.Bytes += bytes
			how.tell(so)
		})
		if err != nil {
			return done, err
		}
		files, m.Streams = append(files, file), append(m.Streams, *about)
		done.Streams++
		done.Messages += about.Messages
		done.Bytes += about.Size
	}
	return done, m.write(w, files)
}

// write writes a backup of the snapshots in files, each of which is removed when that is done.
func (m *manifest) write(w io.Writer, files []*os.File) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	to := tar.NewWriter(w)
	entry := func(name string, size int64, r io.Reader) error {
		if err := to.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: m.Written, Format: tar.FormatPAX}); err != nil {
			return err
		}
		_, err := io.Copy(to, r)
		return err
	}
	if err := entry(manifestName, int64(len(text)), bytes.NewReader(text)); err != nil {
		return err
	}
	for i, f := range files {
		if err := entry(m.Streams[i].file(), m.Streams[i].Size, f); err != nil {
			return err
		}
		drop(f)
	}
	sum := fmt.Sprintf("%x\n", sha256.Sum256(text))
	return errors.Join(entry(sumName, int64(len(sum)), bytes.NewReader([]byte(sum))), to.Close())
}

// file is the name of a snapshot in a backup.
func (about *snapshot) file() string { return "streams/" + about.Config.Name }

// Backup is a backup that was read to its end and found whole.
type Backup struct {
	Written time.Time // when it was begun
	Bytes   int64     // that what it holds takes in a store, about

	from io.ReadSeeker
	m    manifest
}

// OpenBackup checks a backup: all of it is read. r must stay as it is until it is restored. The error is ErrBackup, and says
// what is wrong with it.
func OpenBackup(r io.ReadSeeker) (*Backup, error) {
	b := &Backup{from: r}
	m, err := b.each(func(about *snapshot, r io.Reader) error {
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			return err
		}
		if fmt.Sprintf("%x", sum.Sum(nil)) != about.SHA256 {
			return fmt.Errorf("%s has another checksum than the manifest says", about.file())
		}
		b.Bytes += int64(about.Bytes)
		return nil
	})
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: it ends too early", ErrBackup)
	case err != nil && !errors.Is(err, ErrBackup):
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	case err != nil:
		return nil, err
	}
	b.m, b.Written = *m, m.Written
	return b, nil
}

// Has reports whether the backup holds a bucket.
func (b *Backup) Has(bucket string) bool {
	for i := range b.m.Streams {
		if b.m.Streams[i].Config.Name == "KV_"+bucket {
			return true
		}
	}
	return false
}

// each reads a backup and calls f with each snapshot.
func (b *Backup) each(f func(about *snapshot, r io.Reader) error) (*manifest, error) {
	length, err := b.from.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := b.from.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	from := tar.NewReader(b.from)
	text, err := small(from, manifestName, manifestBytesMax)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, err
	}
	for i := range m.Streams {
		about := &m.Streams[i]
		h, err := following(from, about.file())
		if err != nil {
			return nil, err
		}
		if h.Size != about.Size || h.Size > length { // a sparse file may claim to be of any size
			return nil, fmt.Errorf("%w: %s has %d bytes, the manifest says %d", ErrBackup, h.Name, h.Size, about.Size)
		}
		if err := f(about, from); err != nil {
			return nil, err
		}
	}
	sum, err := small(from, sumName, 100)
	if err != nil {
		return nil, err
	}
	if string(sum) != fmt.Sprintf("%x\n", sha256.Sum256(text)) {
		return nil, fmt.Errorf("%w: the manifest has another checksum than %s says", ErrBackup, sumName)
	}
	if h, err := from.Next(); err == nil {
		return nil, fmt.Errorf("%w: %q is behind its end", ErrBackup, h.Name)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return m, nil
}

// following goes to the next file of a tar, which must have that name.
func following(from *tar.Reader, name string) (*tar.Header, error) {
	h, err := from.Next()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	case h.Name != name || h.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("%w: %q is where %s should be", ErrBackup, h.Name, name)
	}
	return h, nil
}

// small reads the next file of a tar, which must have that name.
func small(from *tar.Reader, name string, bytesMax int64) ([]byte, error) {
	h, err := following(from, name)
	if err != nil {
		return nil, err
	}
	if h.Size > bytesMax {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are possible", ErrBackup, name, h.Size, bytesMax)
	}
	return io.ReadAll(from)
}

// parseManifest reads a manifest and checks that nothing but buckets and queues can be made of it.
func parseManifest(text []byte) (*manifest, error) {
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%w: %s: %v", ErrBackup, manifestName, err)
	}
	switch {
	case m.Format != backupFormat || m.Version < 1:
		return nil, fmt.Errorf("%w: %s is of another program", ErrBackup, manifestName)
	case m.Version > backupNow:
		return nil, fmt.Errorf("%w: its format has the version %d, this fortuna reads %d", ErrBackup, m.Version, backupNow)
	case len(m.Streams) == 0 || len(m.Streams) > streamsMax:
		return nil, fmt.Errorf("%w: the manifest has %d streams, 1 to %d are possible", ErrBackup, len(m.Streams), streamsMax)
	}
	for i := range m.Streams {
		about := &m.Streams[i]
		switch {
		case !ours(&about.Config):
			return nil, fmt.Errorf("%w: the stream %q is no bucket and no queue of fortuna's", ErrBackup, about.Config.Name)
		case i > 0 && about.Config.Name <= m.Streams[i-1].Config.Name:
			return nil, fmt.Errorf("%w: the stream %q is out of order", ErrBackup, about.Config.Name)
		case about.Size < 0 || about.Bytes > 1<<50 || len(about.SHA256) != 2*sha256.Size:
			return nil, fmt.Errorf("%w: what the manifest says of %q cannot be", ErrBackup, about.Config.Name)
		}
	}
	return &m, nil
}

// Restore makes the buckets and queues of a backup, as many copies of each as the store keeps: revisions, times, metadata and
// what waits in queues are as they were, but what has expired since then. Nobody should have the store open: caches of what was
// there before would not notice. The error is ErrExists, and nothing was changed, when one of them is there already and may not be
// replaced, and ErrFull when the disk has no room. A bucket that was restored before another error stays.
func (s *Store) Restore(ctx context.Context, b *Backup, how Moving) (done Moved, err error) {
	if s.full != nil && s.full(int(b.Bytes)) {
		return done, fmt.Errorf("%w: the disk has no room for %d bytes", ErrFull, b.Bytes)
	}
	finish, err := s.vacate(ctx, b.m.Streams, &how)
	if err != nil {
		return done, err
	}
	defer finish()
	_, err = b.each(func(about *snapshot, r io.Reader) error { return s.restoreCounted(ctx, about, r, &how, &done) })
	return done, err
}

// restoreCounted restores a stream and counts it.
func (s *Store) restoreCounted(ctx context.Context, about *snapshot, r io.Reader, how *Moving, done *Moved) error {
	before := done.Bytes
	err := s.restore(ctx, about, r, func(bytes int64) {
		done.Bytes = before + bytes
		how.tell(*done)
	})
	if err == nil {
		done.Streams++
		done.Messages += about.Messages
	}
	return err
}
