\ir figures.sql
SELECT repository_id, :figures FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
  AND merged_at >= :'since' AND merged_at < :'until' GROUP BY 1;
