\ir figures.sql
SELECT :figures FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
  AND merged_at >= :'since' AND merged_at < :'until';

SELECT reviewer_github_id, author_github_id, max(reviewer_login), max(author_login), count(*),
  count(DISTINCT r.pull_request_id), count(*) FILTER (WHERE r.state = 'approved'),
  count(*) FILTER (WHERE r.state = 'changes_requested')
FROM metrics_prreview r JOIN metrics_pullrequest p ON p.id = r.pull_request_id
LEFT JOIN metrics_teammember m ON m.id = r.reviewer_id
WHERE r.team_id = :team AND r.is_qualifying AND r.submitted_at >= :'since' AND r.submitted_at < :'until'
  AND NOT p.is_bot AND NOT p.is_excluded AND m.is_hidden IS NOT TRUE
GROUP BY reviewer_github_id, author_github_id;

SELECT reviewer_github_id, span, count(*), percentile_cont(ARRAY[0.5,0.75,0.9]) WITHIN GROUP (ORDER BY response_time) FROM (
  SELECT reviewer_github_id, date_trunc(:'unit', submitted_at AT TIME ZONE 'UTC') AS span, response_time
  FROM metrics_prreview r JOIN metrics_pullrequest p ON p.id = r.pull_request_id
  LEFT JOIN metrics_teammember m ON m.id = r.reviewer_id
  WHERE r.team_id = :team AND r.is_qualifying AND response_time IS NOT NULL
    AND r.submitted_at >= :'since' AND r.submitted_at < :'until'
    AND NOT p.is_bot AND NOT p.is_excluded AND m.is_hidden IS NOT TRUE
) AS first GROUP BY GROUPING SETS ((), (reviewer_github_id), (span));
