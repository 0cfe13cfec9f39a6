\ir figures.sql
SELECT author_github_id, max(author_login), :figures FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
  AND merged_at >= :'since' AND merged_at < :'until' GROUP BY 1;

SELECT reviewer_github_id, count(*)
FROM metrics_prreview r JOIN metrics_pullrequest p ON p.id = r.pull_request_id
LEFT JOIN metrics_teammember m ON m.id = r.reviewer_id
WHERE r.team_id = :team AND r.is_qualifying AND r.submitted_at >= :'since' AND r.submitted_at < :'until'
  AND NOT p.is_bot AND NOT p.is_excluded AND m.is_hidden IS NOT TRUE GROUP BY 1;
