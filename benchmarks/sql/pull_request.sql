SELECT * FROM metrics_pullrequest p JOIN metrics_repository r ON r.id = p.repository_id WHERE p.id = :pull_request;
SELECT * FROM metrics_prreview WHERE pull_request_id = :pull_request ORDER BY submitted_at;
SELECT * FROM metrics_timelineevent WHERE pull_request_id = :pull_request ORDER BY at;
SELECT c.* FROM metrics_commit c JOIN metrics_pullrequestcommit l ON l.commit_id = c.id WHERE l.pull_request_id = :pull_request ORDER BY position;
