package main

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/url"
	"path"
	"strings"
	"text/tabwriter"

	"github.com/minio/minio-go/v7"
	miniocreds "github.com/minio/minio-go/v7/pkg/credentials"
)

type s3Cmd struct {
	Put s3PutCmd `cmd:"" help:"Upload a file."`
	Get s3GetCmd `cmd:"" help:"Write an object to standard output."`
	Ls  s3LsCmd  `cmd:"" help:"List a bucket's objects."`
}

// s3Client reaches the running store's objects with the operator's key.
func s3Client(s *settings) (*minio.Client, error) {
	vars, err := readEnv(s.path("env"))
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(vars["S3_ENDPOINT"])
	if err != nil {
		return nil, err
	}
	return minio.New(u.Host, &minio.Options{
		Creds:  miniocreds.NewStaticV4(vars["S3_ACCESS_KEY"], vars["S3_SECRET_KEY"], ""),
		Secure: u.Scheme == "https",
		Region: "us-east-1",
	})
}

// place splits BUCKET/KEY. A key that is empty or ends in a slash gets the
// file's name.
func place(s, file string) (bucket, key string) {
	bucket, key, _ = strings.Cut(s, "/")
	if key == "" || strings.HasSuffix(key, "/") {
		key += path.Base(file)
	}
	return bucket, key
}

type s3PutCmd struct {
	File  string `arg:"" help:"The file." type:"existingfile"`
	Place string `arg:"" help:"BUCKET/KEY; BUCKET/ takes the file's name."`
}

func (cmd s3PutCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := s3Client(s)
	if err != nil {
		return err
	}
	bucket, key := place(cmd.Place, cmd.File)
	kind := mime.TypeByExtension(path.Ext(key))
	if kind == "" {
		kind = "application/octet-stream"
	}
	info, err := c.FPutObject(ctx, bucket, key, cmd.File, minio.PutObjectOptions{ContentType: kind})
	if err != nil {
		return fmt.Errorf("put %s/%s: %w", bucket, key, err)
	}
	_, err = fmt.Fprintf(out, "%s/%s  %d bytes\n", bucket, key, info.Size)
	return err
}

type s3GetCmd struct {
	Place string `arg:"" help:"BUCKET/KEY."`
}

func (cmd s3GetCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := s3Client(s)
	if err != nil {
		return err
	}
	bucket, key, _ := strings.Cut(cmd.Place, "/")
	o, err := c.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return fmt.Errorf("get %s: %w", cmd.Place, err)
	}
	defer o.Close()
	if _, err := io.Copy(out, o); err != nil {
		return fmt.Errorf("get %s: %w", cmd.Place, err)
	}
	return nil
}

type s3LsCmd struct {
	Place string `arg:"" help:"BUCKET or BUCKET/PREFIX."`
}

func (cmd s3LsCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := s3Client(s)
	if err != nil {
		return err
	}
	bucket, prefix, _ := strings.Cut(cmd.Place, "/")
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return fmt.Errorf("list %s: %w", cmd.Place, o.Err)
		}
		fmt.Fprintf(t, "%s\t%d\t%s\n", o.LastModified.Local().Format("2006-01-02 15:04:05"), o.Size, o.Key)
	}
	return t.Flush()
}
